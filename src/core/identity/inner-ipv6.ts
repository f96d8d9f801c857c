/**
 * The IPv6 side of a network. Everybody derives it, so no document speaks of it, and networks of before have it too.
 *
 *   prefix /64   fd | the first 7 bytes of the network id            RFC 4193: 40 bits of global id, 16 of subnet
 *   address      prefix | modified EUI-64 of the member's MAC        RFC 4291 appendix A
 *
 * MAC and network id follow from keys, so nobody chooses an address, it is checked without a table, and it stays when a
 * member's IPv4 address changes.
 */
import { prefixOfBytes, type Prefix } from '../lib/prefix.js';
import { networkIdBytes } from './node-id.js';

/** IPv6 needs as much of a link (RFC 8200 section 5): below, the interface has no IPv6 address. */
export const minMtu6 = 1280;
/** Bits of the prefix. */
export const prefixLength6 = 64;

/** The upper 8 bytes of all IPv6 addresses in the network with this root key. */
export function prefix6Of(rootKey: Uint8Array): Uint8Array {
  const prefix = new Uint8Array(8);
  prefix[0] = 0xfd;
  prefix.set(networkIdBytes(rootKey).subarray(0, 7), 1);
  return prefix;
}

/** All IPv6 addresses of that network. */
export function range6Of(rootKey: Uint8Array): Prefix {
  const base = new Uint8Array(16);
  base.set(prefix6Of(rootKey));
  return prefixOfBytes(base, prefixLength6);
}

/** The IPv6 address of the member with this MAC, 16 bytes. @param prefix of `prefix6Of` */
export function ip6Of(prefix: Uint8Array, mac: Uint8Array): Uint8Array {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac;
  const address = new Uint8Array(16);
  address.set(prefix);
  address.set([a ^ 0x02, b, c, 0xff, 0xfe, d, e, f], 8);
  return address;
}
