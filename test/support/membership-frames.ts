/** Membership reports byte by byte, after the figures of RFC 2236, 3376, 2710 and 3810: apart from the code under test. */
import { sum16 } from './frames.js';

const word = (value: number): number[] => [(value >>> 8) & 0xff, value & 0xff];

export const hostMac = Uint8Array.of(2, 0, 0, 0, 0, 1);

/** '239.1.2.3' as bytes. */
export const ip4 = (text: string): number[] => text.split('.').map(Number);

/** 'ff05::1:3' as bytes. */
export function ip6(text: string): number[] {
  const [head = '', tail] = text.split('::');
  const groups = (part: string): number[] => (part === '' ? [] : part.split(':').map((g) => parseInt(g, 16)));
  const [front, back] = [groups(head), groups(tail ?? '')];
  const zeros = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...new Array<number>(zeros).fill(0), ...back].flatMap(word);
}

/** MAC of an IPv4 group (RFC 1112 section 6.4) or IPv6 group (RFC 2464 section 7). */
export function groupMac(group: readonly number[]): Uint8Array {
  if (group.length === 16) return Uint8Array.from([0x33, 0x33, ...group.slice(12)]);
  return Uint8Array.from([1, 0, 0x5e, (group[1] as number) & 0x7f, ...group.slice(2)]);
}

/** The key under which evio knows a group. */
export function keyOf(group: readonly number[]): number {
  const mac = groupMac(group);
  return new DataView(mac.buffer).getInt32(2);
}

/** An IPv4 frame with the Router Alert option, as IGMP wants it. */
export function ipv4Frame(
  destination: readonly number[],
  protocol: number,
  body: readonly number[],
): Uint8Array {
  const before = [0x46, 0xc0, ...word(24 + body.length), 0, 0, 0x40, 0, 1, protocol];
  const after = [10, 144, 0, 1, ...destination, 0x94, 4, 0, 0];
  const header = [...before, ...word(~sum16(Uint8Array.from([...before, ...after])) & 0xffff), ...after];
  return Uint8Array.from([...groupMac(destination), ...hostMac, 8, 0, ...header, ...body]);
}

/** An IPv6 frame; `options` is a Hop-by-Hop header without its first byte, [] for none. */
export function ipv6Frame(
  destination: readonly number[],
  next: number,
  body: readonly number[],
  options: readonly number[] = [0, 5, 2, 0, 0, 1, 0],
): Uint8Array {
  const hop = options.length > 0 ? [next, ...options] : [];
  const header = [
    ...[0x60, 0, 0, 0],
    ...word(hop.length + body.length),
    ...[hop.length > 0 ? 0 : next, 1],
    ...ip6('fe80::ff:fe00:1'),
    ...destination,
  ];
  return Uint8Array.from([...groupMac(destination), ...hostMac, 0x86, 0xdd, ...header, ...hop, ...body]);
}

export const igmp = (type: number, group: string, to = group): Uint8Array =>
  ipv4Frame(ip4(to), 2, [type, 0, 0, 0, ...ip4(group)]);

export interface Record {
  readonly type: number;
  readonly group: string;
  readonly sources?: readonly string[];
  /** 32-bit words of auxiliary data, which must be skipped. */
  readonly aux?: number;
}

const records = (list: readonly Record[], bytes: (text: string) => number[]): number[] =>
  list.flatMap(({ type, group, sources = [], aux = 0 }) => [
    ...[type, aux],
    ...word(sources.length),
    ...bytes(group),
    ...sources.flatMap(bytes),
    ...new Array<number>(aux * 4).fill(0xee),
  ]);

export const igmpV3 = (...list: readonly Record[]): Uint8Array =>
  ipv4Frame(ip4('224.0.0.22'), 2, [0x22, 0, 0, 0, 0, 0, ...word(list.length), ...records(list, ip4)]);

export const mld = (type: number, group: string): Uint8Array =>
  ipv6Frame(ip6(group), 58, [type, 0, 0, 0, 0, 0, 0, 0, ...ip6(group)]);

export const mldV2 = (...list: readonly Record[]): Uint8Array =>
  ipv6Frame(ip6('ff02::16'), 58, [143, 0, 0, 0, 0, 0, ...word(list.length), ...records(list, ip6)]);

/** A UDP datagram of 12 bytes to a group. */
export const toGroup = (group: string): Uint8Array => {
  const udp = [0, 7, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4];
  return group.includes(':') ? ipv6Frame(ip6(group), 17, udp, []) : ipv4Frame(ip4(group), 17, udp);
};

export const viewOf = (frame: Uint8Array): DataView =>
  new DataView(frame.buffer, frame.byteOffset, frame.length);
