/** A TCP socket that is bound to an interface (SO_BINDTODEVICE, socket(7)), which Node has no option for. */
import { EvioError } from '../lib/errors.js';
import { Arena } from './arena.js';
import { errnoName, libc, Socket } from './libc.js';

const SOCK_STREAM = 1;
const SO_BINDTODEVICE = 25;

/** Not connected, non-blocking; the caller closes it. Needs no privilege since Linux 5.7. Throws EvioError EVIO_DEVICE. */
export function openTcpAt(device: string, ipv6: boolean): number {
  const c = libc();
  const arena = new Arena(64);
  const type = SOCK_STREAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC;
  const fd = c.socket(ipv6 ? Socket.AF_INET6 : Socket.AF_INET, type, 0);
  arena.setText(0, device);
  const length = Buffer.byteLength(device) + 1;
  if (fd >= 0 && c.setsockopt(fd, Socket.SOL_SOCKET, SO_BINDTODEVICE, arena.base, length) === 0) return fd;
  const reason = errnoName(c.errno());
  if (fd >= 0) c.close(fd);
  throw new EvioError('EVIO_DEVICE', `no socket at the interface ${device}: ${reason}`);
}
