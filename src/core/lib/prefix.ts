/**
 * Address prefixes of both families in one form: 128 bits, an IPv4 prefix as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2)
 * with 96 bits more.
 */
import { addressBytes, addressText } from './endpoint.js';
import { parseIpv4, type Cidr } from './ipv4.js';

export interface Prefix {
  /** The address, 4 words of 32 bits, signed, the highest first; host bits are zero. */
  readonly words: readonly [number, number, number, number];
  /** Bits that count: 96 to 128 for IPv4, 0 to 128 for IPv6. */
  readonly length: number;
}

const mapped = 0xffff;
/** Bits of the mapped form in front of an IPv4 address. */
export const ipv4Offset = 96;

/** True for an IPv4 prefix. */
export function isIpv4Prefix({ words, length }: Prefix): boolean {
  return length >= ipv4Offset && words[0] === 0 && words[1] === 0 && words[2] === mapped;
}

/** The bits of word `index` that a prefix of this length looks at, signed. */
export function prefixMask(length: number, index: number): number {
  const bits = length - index * 32;
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

/** The prefix of this many bits that holds the address. */
export function prefixOf(words: readonly [number, number, number, number], length: number): Prefix {
  const [a, b, c, d] = words;
  return {
    words: [
      a & prefixMask(length, 0),
      b & prefixMask(length, 1),
      c & prefixMask(length, 2),
      d & prefixMask(length, 3),
    ],
    length,
  };
}

/** The prefix of 16 address bytes. */
export function prefixOfBytes(bytes: Uint8Array, length: number): Prefix {
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  return prefixOf([view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)], length);
}

/** The 16 bytes of its address. */
export function prefixBytes({ words }: Prefix): Uint8Array {
  const out = new Uint8Array(16);
  const view = new DataView(out.buffer);
  words.forEach((word, i) => {
    view.setInt32(i * 4, word);
  });
  return out;
}

export function prefixOfCidr({ base, prefix }: Cidr): Prefix {
  return { words: [0, 0, mapped, base | 0], length: ipv4Offset + prefix };
}

/** The range of an IPv4 prefix; undefined for IPv6. */
export function cidrOfPrefix(prefix: Prefix): Cidr | undefined {
  if (!isIpv4Prefix(prefix)) return undefined;
  return { base: prefix.words[3] >>> 0, prefix: prefix.length - ipv4Offset };
}

/** `192.168.7.0/24` or `fd00:7::/64`; undefined when malformed, or when host bits are set. */
export function parsePrefix(text: string): Prefix | undefined {
  const match = /^([0-9a-fA-F:.]+)\/(\d{1,3})$/.exec(text);
  const [, host = '', bits = ''] = match ?? [];
  const v6 = host.includes(':');
  const bytes = v6 || parseIpv4(host) !== undefined ? addressBytes(host) : undefined;
  if (!bytes || Number(bits) > (v6 ? 128 : 32)) return undefined;
  const length = Number(bits) + (v6 ? 0 : ipv4Offset);
  const prefix = prefixOfBytes(bytes, length);
  // An IPv4 address in the clothes of IPv6 is two texts for one thing; so are leading zeros.
  if (v6 && isIpv4Prefix({ ...prefix, length: 128 })) return undefined;
  return samePrefix(prefix, prefixOfBytes(bytes, 128), length) ? prefix : undefined;
}

/** This one address; undefined for what is none. */
export function hostPrefix(ip: string): Prefix | undefined {
  return parsePrefix(`${ip}/${ip.includes(':') ? 128 : 32}`);
}

/** The canonical text (RFC 5952), which can be a key. */
export function formatPrefix(prefix: Prefix): string {
  const bits = prefix.length - (isIpv4Prefix(prefix) ? ipv4Offset : 0);
  return `${addressText(prefixBytes(prefix))}/${bits}`;
}

function samePrefix(a: Prefix, b: Prefix, length: number): boolean {
  if (length !== a.length) return false;
  return a.words.every((word, i) => word === b.words[i]);
}

export function equalPrefixes(a: Prefix, b: Prefix): boolean {
  return samePrefix(a, b, b.length);
}

/** True when `inner` lies wholly in `outer`: none of IPv4 does in one of IPv6, however short that is. */
export function containsPrefix(outer: Prefix, inner: Prefix): boolean {
  if (inner.length < outer.length || isIpv4Prefix(inner) !== isIpv4Prefix(outer)) return false;
  for (let i = 0; i < 4; i++) {
    const difference = (outer.words[i] as number) ^ (inner.words[i] as number);
    if ((difference & prefixMask(outer.length, i)) !== 0) return false;
  }
  return true;
}

/** True when some address lies in both. */
export function prefixesOverlap(a: Prefix, b: Prefix): boolean {
  return containsPrefix(a, b) || containsPrefix(b, a);
}

/** By address, the shorter of two with one address first: whoever holds another comes before it. */
export function comparePrefixes(a: Prefix, b: Prefix): number {
  for (let i = 0; i < 4; i++) {
    const difference = ((a.words[i] as number) >>> 0) - ((b.words[i] as number) >>> 0);
    if (difference !== 0) return difference;
  }
  return a.length - b.length;
}
