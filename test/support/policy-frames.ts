/** Frames of one protocol and port between the nodes of a rig, for what asks a policy. */
import { ipv6Frame, linkLocalOf } from './frames.js';
import { ipOf, macOf } from './loop-rig.js';

export interface Between {
  readonly from: number;
  readonly to: number;
  readonly sport?: number;
  readonly dport?: number;
}

export const Flag = { fin: 1, syn: 2, rst: 4, ack: 16 } as const;
const word = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff];
const quad = (value: number): number[] => [...word(value >>> 16), ...word(value & 0xffff)];

export const tcpBody = (sport: number, dport: number, flags: number): number[] => [
  ...word(sport),
  ...word(dport),
  ...[0, 0, 0, 1, 0, 0, 0, 1, 0x50, flags, 1, 0, 0, 0, 0, 0],
];
export const udpBody = (sport: number, dport: number, payload = 12): number[] => [
  ...word(sport),
  ...word(dport),
  ...word(8 + payload),
  ...[0, 0],
  ...new Array<number>(payload).fill(9),
];
export const echoBody = (type: number, id = 77): number[] => [type, 0, 0, 0, ...word(id), 0, 1, 1, 2, 3, 4];

/** An IPv4 frame; `fragment`: flags and offset in 8 bytes, as they stand in the header. */
export function ipv4(
  { from, to }: Between,
  protocol: number,
  body: readonly number[],
  {
    fragment = 0,
    id = 1,
    destination = macOf(to),
  }: { fragment?: number; id?: number; destination?: Uint8Array } = {},
): Uint8Array {
  const head = [0x45, 0, ...word(20 + body.length), ...word(id), ...word(fragment), 64, protocol, 0, 0];
  return Uint8Array.from([
    ...destination,
    ...macOf(from),
    ...[8, 0],
    ...head,
    ...quad(ipOf(from)),
    ...quad(ipOf(to)),
    ...body,
  ]);
}

export const tcp = (between: Between, flags: number = Flag.syn): Uint8Array =>
  ipv4(between, 6, tcpBody(between.sport ?? 40_000, between.dport ?? 80, flags));
export const udp = (between: Between): Uint8Array =>
  ipv4(between, 17, udpBody(between.sport ?? 40_000, between.dport ?? 53));
export const echo = (between: Between, type: number, id?: number): Uint8Array =>
  ipv4(between, 1, echoBody(type, id));

/** An IPv6 frame between link-local addresses. */
export const ipv6 = ({ from, to }: Between, next: number, body: readonly number[]): Uint8Array =>
  ipv6Frame(macOf(to), macOf(from), linkLocalOf(macOf(from)), linkLocalOf(macOf(to)), next, body);
