/** Who is at the other end of a Unix socket (unix(7), SO_PEERCRED): the kernel's word, taken when they connected. */
import { Arena } from './arena.js';
import { libc, Socket } from './libc.js';

const SO_PEERCRED = 17;
/** `struct ucred`: pid, uid, gid. */
const ucredSize = 12;

/** The user id of who connected; undefined when the kernel does not tell. */
export function peerUser(fd: number): number | undefined {
  const arena = new Arena(128);
  const at = arena.alloc(ucredSize);
  const length = arena.alloc(4);
  arena.view.setUint32(length, ucredSize, true);
  const result = libc().getsockopt(fd, Socket.SOL_SOCKET, SO_PEERCRED, arena.base + at, arena.base + length);
  if (result !== 0 || arena.view.getUint32(length, true) < ucredSize) return undefined;
  return arena.view.getUint32(at + 4, true);
}
