/**
 * Socket addresses in memory. Everything in the plane keeps a `struct sockaddr_in6` of 28 bytes, IPv4 as mapped
 * address; only the socket itself (dataplane/kernel-io.ts) turns it into a `sockaddr_in` where IPv6 is off.
 *
 *   sockaddr_in6: family 2 | port 2 BE | flow 4 | address 16 | scope 4
 *   sockaddr_in:  family 2 | port 2 BE | address 4 | zero 8
 */
import { addressBytes, addressText, type Endpoint } from '../lib/endpoint.js';
import { Sockaddr, Socket } from './libc.js';

export const sockaddrSize = Sockaddr.in6Size;

/** What the system takes and gives for a socket of this family. */
export function sockaddrLength(ipv6: boolean): number {
  return ipv6 ? Sockaddr.in6Size : Sockaddr.inSize;
}

/** Writes the address; false when the host is no IP literal. A zone must be a number (`fe80::1%3`). */
export function writeSockaddr(u8: Uint8Array, view: DataView, at: number, endpoint: Endpoint): boolean {
  const address = addressBytes(endpoint.host);
  if (!address) return false;
  const zone = /%(\d+)$/.exec(endpoint.host)?.[1];
  view.setUint16(at, Socket.AF_INET6, true);
  view.setUint16(at + 2, endpoint.port);
  view.setUint32(at + 4, 0);
  u8.set(address, at + 8);
  view.setUint32(at + 24, zone === undefined ? 0 : Number(zone), true);
  return true;
}

/** The endpoint at `at`; a link-local address keeps its zone as a number. */
export function readSockaddr(u8: Uint8Array, view: DataView, at: number): Endpoint {
  const text = addressText(u8.subarray(at + 8, at + 24));
  const scope = view.getUint32(at + 24, true);
  return {
    host: scope !== 0 && text.includes(':') ? `${text}%${scope}` : text,
    port: view.getUint16(at + 2),
  };
}

/** True when both have the same address and port. */
export function sameSockaddr(view: DataView, a: number, b: number): boolean {
  return (
    view.getInt32(a + 20) === view.getInt32(b + 20) &&
    view.getUint16(a + 2) === view.getUint16(b + 2) &&
    view.getInt32(a + 8) === view.getInt32(b + 8) &&
    view.getInt32(a + 12) === view.getInt32(b + 12) &&
    view.getInt32(a + 16) === view.getInt32(b + 16)
  );
}

/** True when the address is an IPv4-mapped one. */
export function isMapped(view: DataView, at: number): boolean {
  return view.getInt32(at + 8) === 0 && view.getInt32(at + 12) === 0 && view.getInt32(at + 16) === 0xffff;
}

/** Rewrites a `sockaddr_in` into the mapped form in place. */
export function widenSockaddr(view: DataView, at: number): void {
  const ip = view.getInt32(at + 4);
  view.setUint16(at, Socket.AF_INET6, true);
  view.setUint32(at + 4, 0);
  view.setUint32(at + 8, 0);
  view.setUint32(at + 12, 0);
  view.setUint32(at + 16, 0xffff);
  view.setInt32(at + 20, ip);
  view.setUint32(at + 24, 0);
}

/** Writes the `sockaddr_in` of a mapped address to `to`; false when it is a true IPv6 address. */
export function narrowSockaddr(view: DataView, at: number, to: number): boolean {
  if (!isMapped(view, at)) return false;
  view.setUint16(to, Socket.AF_INET, true);
  view.setUint16(to + 2, view.getUint16(at + 2));
  view.setInt32(to + 4, view.getInt32(at + 20));
  view.setUint32(to + 8, 0);
  view.setUint32(to + 12, 0);
  return true;
}
