/** DNS queries as bytes, and the zone that tests ask. */
import { prefix6 } from './loop-rig.js';
import { ip6Of } from '../../src/core/identity/inner-ipv6.js';
import { Zone, type NamedMember } from '../../src/core/names/zone.js';

export const anna: NamedMember = {
  name: 'anna',
  ip: 0x0a90_0001,
  ip6: ip6Of(prefix6, Uint8Array.of(2, 0, 0, 0, 0, 1)),
  services: [
    { name: 'ssh', protocol: 'tcp', port: 22, text: '' },
    { name: 'http', protocol: 'tcp', port: 8_080, text: 'path=/admin' },
  ],
};
export const ben: NamedMember = {
  name: 'ben-2',
  ip: 0x0a90_0709,
  ip6: ip6Of(prefix6, Uint8Array.of(2, 0, 0, 0, 0, 2)),
  services: [{ name: 'ssh', protocol: 'tcp', port: 2_222, text: '' }],
};
/** Another has its IPv4 address. */
export const loser: NamedMember = {
  ...ben,
  services: [],
  name: 'loser',
  ip: null,
  ip6: ip6Of(prefix6, new Uint8Array(6)),
};
export const domain = 'home.evio';

export function zone(): Zone {
  const cidr = { base: 0x0a90_0000, prefix: 16 };
  return new Zone({ domain, cidr, prefix6, self: 'anna' }, [anna, ben, loser]);
}

/** A zone with 200 members that announce the same. */
export function many(): Zone {
  const services = anna.services ?? [];
  const members = Array.from({ length: 200 }, (_, i) => ({ ...anna, name: `m${i}`, services }));
  return new Zone({ domain, cidr: { base: 0x0a90_0000, prefix: 16 }, prefix6, self: 'm0' }, members);
}

export interface Asked {
  readonly id?: number;
  readonly flags?: number;
  readonly counts?: readonly [number, number, number, number];
  readonly type?: number;
  readonly classOf?: number;
  /** Bytes behind the question. */
  readonly behind?: readonly number[];
}

/** A query; labels are given as they are written. */
export function query(name: string, asked: Asked = {}): Uint8Array {
  const { id = 0x1234, flags = 0x0100, counts, type = 1, classOf = 1, behind = [] } = asked;
  const two = (value: number): number[] => [value >> 8, value & 255];
  const labels = name === '' ? [] : name.split('.');
  return Uint8Array.from([
    ...two(id),
    ...two(flags),
    ...(counts ?? [1, 0, 0, behind.length === 0 ? 0 : 1]).flatMap(two),
    ...labels.flatMap((label) => [label.length, ...Buffer.from(label)]),
    ...[0, ...two(type), ...two(classOf)],
    ...behind,
  ]);
}

/** OPT of EDNS. */
export const opt = (size = 1_232, version = 0): number[] => [
  0,
  0,
  41,
  size >> 8,
  size & 255,
  0,
  version,
  0,
  0,
  0,
  0,
];
