/** Opens the UDP socket of the plane: dual-stack, with GRO on and deep buffers. */
import { EvioError } from '../lib/errors.js';
import { Arena } from '../native/arena.js';
import { Errno, errnoName, libc, Socket } from '../native/libc.js';
import { narrowSockaddr, sockaddrSize, writeSockaddr } from './sockaddr.js';

/** Socket buffers in bytes: about 20 ms of 3 Gbit/s. */
const bufferBytes = 8 << 20;

export interface UdpSocket {
  readonly fd: number;
  readonly port: number;
  readonly ipv6: boolean;
}

/**
 * Binds to `port` (0: any) at `host` (default: every address). With `shared` the port may be held by another socket
 * of this process that was marked with `sharePort`. Throws EVIO_ADDRESS_IN_USE, or EVIO_BAD_VALUE for a bad host.
 */
export function openUdp(port: number, host: string | undefined, shared = false): UdpSocket {
  const c = libc();
  const arena = new Arena(512);
  const at = arena.alloc(64);
  const value = arena.alloc(8);
  const option = (fd: number, level: number, name: number, number: number): boolean => {
    arena.view.setInt32(value, number, true);
    return c.setsockopt(fd, level, name, arena.base + value, 4) === 0;
  };
  const type = Socket.SOCK_DGRAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC;
  let ipv6 = true;
  let fd = c.socket(Socket.AF_INET6, type, 0);
  if (fd >= 0 && !option(fd, Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 0)) {
    c.close(fd);
    fd = -1;
  }
  if (fd < 0) {
    ipv6 = false;
    fd = c.socket(Socket.AF_INET, type, 0);
  }
  if (fd < 0) throw new EvioError('EVIO_INTERNAL', `no UDP socket: ${errnoName(c.errno())}`);
  try {
    if (shared) option(fd, Socket.SOL_SOCKET, Socket.SO_REUSEPORT, 1);
    option(fd, Socket.SOL_UDP, Socket.UDP_GRO, 1);
    // The prober tries the length of a path itself. An ICMP message, which anybody can forge, must not shorten it: the
    // kernel would refuse every cut send from then on.
    option(fd, Socket.IPPROTO_IP, Socket.IP_MTU_DISCOVER, Socket.PMTUDISC_OMIT);
    if (ipv6) option(fd, Socket.IPPROTO_IPV6, Socket.IPV6_MTU_DISCOVER, Socket.PMTUDISC_OMIT);
    if (!option(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUFFORCE, bufferBytes)) {
      option(fd, Socket.SOL_SOCKET, Socket.SO_RCVBUF, bufferBytes);
    }
    if (!option(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUFFORCE, bufferBytes)) {
      option(fd, Socket.SOL_SOCKET, Socket.SO_SNDBUF, bufferBytes);
    }
    if (!writeSockaddr(arena.u8, arena.view, at, { host: host ?? (ipv6 ? '::' : '0.0.0.0'), port })) {
      throw new EvioError('EVIO_BAD_VALUE', `${host ?? ''} is not an IP address to bind to`);
    }
    let length: number = sockaddrSize;
    if (!ipv6) {
      if (!narrowSockaddr(arena.view, at, at)) {
        throw new EvioError('EVIO_BAD_VALUE', `IPv6 is off on this machine, cannot bind to ${host ?? ''}`);
      }
      length = 16;
    }
    if (c.bind(fd, arena.base + at, length) !== 0) throw bindError(c.errno(), host, port);
    arena.view.setUint32(value, length, true);
    c.getsockname(fd, arena.base + at, arena.base + value);
    if (shared) option(fd, Socket.SOL_SOCKET, Socket.SO_REUSEPORT, 0);
    return { fd, port: arena.view.getUint16(at + 2), ipv6 };
  } catch (thrown) {
    c.close(fd);
    throw thrown;
  }
}

/** Lets another socket of this user bind to the same port, for a moment of change. */
export function sharePort(fd: number): void {
  const arena = new Arena(64);
  arena.view.setInt32(0, 1, true);
  libc().setsockopt(fd, Socket.SOL_SOCKET, Socket.SO_REUSEPORT, arena.base, 4);
}

function bindError(errno: number, host: string | undefined, port: number): EvioError {
  const where = host === undefined ? `UDP port ${port}` : `UDP ${host} port ${port}`;
  if (errno === Errno.EADDRINUSE) {
    return new EvioError('EVIO_ADDRESS_IN_USE', `${where} is taken by another program`, [
      'choose another port with --port, or leave it out to take any',
    ]);
  }
  if (errno === Errno.EADDRNOTAVAIL) {
    return new EvioError('EVIO_BAD_VALUE', `${where} is not an address of this machine`, [
      'see `ip address`',
    ]);
  }
  if (errno === Errno.EACCES || errno === Errno.EPERM) {
    return new EvioError('EVIO_NO_PRIVILEGE', `evio may not bind ${where}`, ['choose a port above 1023']);
  }
  return new EvioError('EVIO_INTERNAL', `cannot bind ${where}: ${errnoName(errno)}`);
}
