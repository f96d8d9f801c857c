/** One datagram to a Unix socket, which Node cannot send: how systemd is told of a service (sd_notify(3)). */
import { Arena } from './arena.js';
import { libc, Socket } from './libc.js';
import { bind } from './symbols.js';
import { AF_UNIX, unixAddressBytes, writeUnixAddress } from './unix-address.js';

/**
 * @param path of the socket; `@…` is a name in the abstract namespace.
 * @returns whether it was taken.
 */
export function sendToSocket(path: string, text: string): boolean {
  const data = Buffer.from(text);
  const c = libc();
  const arena = new Arena(data.length + 256);
  const address = arena.alloc(unixAddressBytes);
  const addressLength = writeUnixAddress(arena, address, path);
  if (addressLength === 0) return false;
  const at = arena.alloc(data.length + 1);
  arena.u8.set(data, at);
  const fd = c.socket(AF_UNIX, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const sendto = bind(
    'int64_t sendto(int fd, uintptr_t data, size_t length, int flags, uintptr_t address, uint32_t addressLength)',
  );
  const sent = sendto(
    fd,
    arena.base + at,
    data.length,
    Socket.MSG_DONTWAIT,
    arena.base + address,
    addressLength,
  );
  c.close(fd);
  return sent === data.length;
}
