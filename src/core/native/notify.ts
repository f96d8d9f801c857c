/** One datagram to a Unix socket, which Node cannot send: how systemd is told of a service (sd_notify(3)). */
import { Arena } from './arena.js';
import { libc, Socket } from './libc.js';
import { bind } from './symbols.js';

const AF_UNIX = 1;
/** `sun_path` of sockaddr_un, bytes (unix(7)). */
const pathLength = 108;

/**
 * @param path of the socket; `@…` is a name in the abstract namespace.
 * @returns whether it was taken.
 */
export function sendToSocket(path: string, text: string): boolean {
  const name = Buffer.from(path);
  const data = Buffer.from(text);
  if (name.length === 0 || name.length >= pathLength) return false;
  const c = libc();
  const arena = new Arena(data.length + 256);
  const address = arena.alloc(2 + pathLength);
  arena.view.setUint16(address, AF_UNIX, true);
  arena.u8.set(name, address + 2);
  if (path.startsWith('@')) arena.u8[address + 2] = 0;
  const at = arena.alloc(data.length + 1);
  arena.u8.set(data, at);
  const fd = c.socket(AF_UNIX, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const sendto = bind(
    'int64_t sendto(int fd, uintptr_t data, size_t length, int flags, uintptr_t address, uint32_t addressLength)',
  );
  // The length says where a name in the abstract namespace ends; a path may end there, too.
  const sent = sendto(
    fd,
    arena.base + at,
    data.length,
    Socket.MSG_DONTWAIT,
    arena.base + address,
    2 + name.length,
  );
  c.close(fd);
  return sent === data.length;
}
