/** TCP sockets with options that Node has no words for: the interface (socket(7)), the length of segments and what waits to be sent (tcp(7)). */
import type { Socket as TcpSocket } from 'node:net';
import { EvioError } from '../lib/errors.js';
import { Arena } from './arena.js';
import { handleDescriptor } from './handle.js';
import { errnoName, libc, Socket } from './libc.js';

const SOCK_STREAM = 1;
const SO_BINDTODEVICE = 25;
const IPPROTO_TCP = 6;
const TCP_MAXSEG = 2;
/** `<linux/sockios.h>` */
const SIOCOUTQNSD = 0x894b;

/** What every way carries: the least MTU of IPv6 (RFC 8200 5) without the headers of IPv6 and TCP, bytes. */
const safeSegment = 1_220;

/**
 * Not connected, non-blocking; the caller closes it. Its segments are short, both ways. Undefined where Node's own socket has to do:
 * on another system than Linux, without a device.
 *
 * @param device the interface that it is bound to, which needs no privilege since Linux 5.7; undefined: none
 * @throws EvioError EVIO_DEVICE
 */
export function openTcp(ipv6: boolean, device?: string): number | undefined {
  if (device === undefined && process.platform !== 'linux') return undefined;
  const c = libc();
  const type = SOCK_STREAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC;
  const fd = c.socket(ipv6 ? Socket.AF_INET6 : Socket.AF_INET, type, 0);
  if (fd >= 0 && (device === undefined || pin(fd, device))) {
    shortenSegments(fd);
    return fd;
  }
  const reason = errnoName(c.errno());
  if (fd >= 0) c.close(fd);
  const where = device === undefined ? '' : ` at the interface ${device}`;
  throw new EvioError('EVIO_DEVICE', `no socket${where}: ${reason}`);
}

function pin(fd: number, device: string): boolean {
  const arena = new Arena(64);
  arena.setText(0, device);
  const length = Buffer.byteLength(device) + 1;
  return libc().setsockopt(fd, Socket.SOL_SOCKET, SO_BINDTODEVICE, arena.base, length) === 0;
}

/**
 * Segments that pass where longer packets vanish and nobody says so (RFC 2923): of a socket that is not connected yet, or of all
 * connections that come to one that listens; what the other end sends included. Best effort.
 */
export function shortenSegments(fd: number): void {
  if (process.platform !== 'linux') return;
  const arena = new Arena(8);
  arena.view.setInt32(0, safeSegment, true);
  libc().setsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, arena.base, 4);
}

let answer: Arena | undefined;

/** What the kernel was given of a socket and did not send yet, bytes; 0 where it does not tell. */
export function unsentBytes(socket: TcpSocket): number {
  const fd = handleDescriptor(socket);
  if (fd === undefined || process.platform !== 'linux') return 0;
  answer ??= new Arena(8);
  return libc().ioctl(fd, SIOCOUTQNSD, answer.base) < 0 ? 0 : answer.view.getInt32(0, true);
}
