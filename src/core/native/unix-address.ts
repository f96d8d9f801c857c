/** Addresses of Unix sockets, `struct sockaddr_un`: family 2 | path 108 (unix(7)). */
import type { Arena } from './arena.js';

export const AF_UNIX = 1;
const pathLength = 108;
/** Room that an address takes. */
export const unixAddressBytes = 2 + pathLength;

/**
 * Writes the address of the socket at this path; `@…` is a name in the abstract namespace. Returns its length, which says where
 * such a name ends (a path may end there, too); 0: it is too long, or empty.
 */
export function writeUnixAddress({ u8, view }: Arena, at: number, path: string): number {
  const name = Buffer.from(path);
  if (name.length === 0 || name.length >= pathLength) return 0;
  view.setUint16(at, AF_UNIX, true);
  u8.set(name, at + 2);
  if (path.startsWith('@')) u8[at + 2] = 0;
  return 2 + name.length;
}
