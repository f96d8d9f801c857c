/** IPv4 addresses as unsigned 32-bit numbers, and CIDR ranges. */

export interface Cidr {
  /** Network address, host bits zero. */
  readonly base: number;
  /** Prefix length, 0 to 32. */
  readonly prefix: number;
}

/** `10.0.0.1` as a number, or undefined. Leading zeros are refused (they mean octal to some software). */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (!match) return undefined;
  let value = 0;
  for (const part of match.slice(1)) {
    if (Number(part) > 255 || (part.length > 1 && part.startsWith('0'))) return undefined;
    value = value * 256 + Number(part);
  }
  return value;
}

export function formatIpv4(ip: number): string {
  return `${ip >>> 24}.${(ip >>> 16) & 0xff}.${(ip >>> 8) & 0xff}.${ip & 0xff}`;
}

/** `10.144.0.0/16`, or undefined when malformed or when host bits are set. */
export function parseCidr(text: string): Cidr | undefined {
  const [address, length, ...more] = text.split('/');
  if (address === undefined || length === undefined || more.length > 0 || !/^\d{1,2}$/.test(length))
    return undefined;
  const base = parseIpv4(address);
  const prefix = Number(length);
  if (base === undefined || prefix > 32 || (base & hostMask(prefix)) !== 0) return undefined;
  return { base, prefix };
}

export function formatCidr(cidr: Cidr): string {
  return `${formatIpv4(cidr.base)}/${cidr.prefix}`;
}

function hostMask(prefix: number): number {
  return prefix === 0 ? 0xffff_ffff : 2 ** (32 - prefix) - 1;
}

/** Number of addresses that a host may have: without network and broadcast address. */
export function hostCount(cidr: Cidr): number {
  return Math.max(0, 2 ** (32 - cidr.prefix) - 2);
}

/** True for an address that a host in this range may have. */
export function isHostAddress(cidr: Cidr, ip: number): boolean {
  return ip > cidr.base && ip <= cidr.base + hostCount(cidr);
}

/** True when `inner` lies wholly in `outer`. */
export function containsCidr(outer: Cidr, inner: Cidr): boolean {
  return inner.prefix >= outer.prefix && ((inner.base ^ outer.base) & ~hostMask(outer.prefix)) === 0;
}

/** True when some address lies in both. */
export function cidrsOverlap(a: Cidr, b: Cidr): boolean {
  return containsCidr(a, b) || containsCidr(b, a);
}
