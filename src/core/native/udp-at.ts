/** A UDP socket for Node's own (`bind({ fd })`) whose packets leave by an interface from the first one on. */
import { EvioError } from '../lib/errors.js';
import { Arena } from './arena.js';
import { errnoName, libc, Socket } from './libc.js';
import { pinUdp } from './udp-socket.js';

/** `struct sockaddr_in`. */
const addressBytes = 16;

/**
 * IPv4, at a port that the kernel chooses, of all addresses; the caller closes it. Throws EvioError EVIO_DEVICE.
 *
 * @param device index of the interface, 0: routes decide
 */
export function openUdpAt(device: number): number {
  const c = libc();
  const arena = new Arena(64);
  const type = Socket.SOCK_DGRAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC;
  const fd = c.socket(Socket.AF_INET, type, 0);
  if (fd >= 0) {
    pinUdp({ fd, ipv6: false }, device, 0);
    arena.view.setUint16(0, Socket.AF_INET, true);
    if (c.bind(fd, arena.base, addressBytes) === 0) return fd;
  }
  const reason = errnoName(c.errno());
  if (fd >= 0) c.close(fd);
  throw new EvioError('EVIO_DEVICE', `no UDP socket: ${reason}`);
}
