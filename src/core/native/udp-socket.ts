/** A UDP socket by system calls, as node and relay both want it: GRO on, deep buffers, no belief in ICMP (udp(7), ip(7)). */
import { Arena } from './arena.js';
import { errnoName, libc, Socket } from './libc.js';
import { narrowSockaddr, sockaddrLength, writeSockaddr } from './sockaddr.js';

export interface UdpSocket {
  readonly fd: number;
  readonly port: number;
  /** `sockaddr_in6` when true, `sockaddr_in` otherwise. */
  readonly ipv6: boolean;
  /** Each packet tells to which address of this machine it came (udp-local.ts). */
  readonly local?: boolean;
}

export interface UdpWish {
  /** IP literal. An IPv6 socket takes IPv4 as mapped, and at `::` IPv4 as well. */
  readonly host: string;
  /** 0: any. */
  readonly port: number;
  readonly ipv6: boolean;
  /** Of each direction. */
  readonly bufferBytes: number;
  /** The port may be held by another socket of this process that was marked with `sharePort`. */
  readonly shared?: boolean;
  /** More sockets will be bound to the port; the kernel chooses among them by addresses and ports (SO_REUSEPORT). */
  readonly group?: boolean;
  /** Each packet shall tell to which address of this machine it came. */
  readonly local?: boolean;
}

/** What the system said. */
export class UdpError extends Error {
  /** `address`: the host is no address of this family. `socket`: there is no socket of this family. */
  readonly step: 'address' | 'socket' | 'bind';
  readonly errno: number;
  /** Such as EADDRINUSE; empty at step `address`. */
  readonly code: string;

  constructor(step: UdpError['step'], errno: number, wish: UdpWish) {
    const code = errno === 0 ? '' : errnoName(errno);
    super(`UDP ${step} ${code} ${wish.host}:${wish.port}`);
    this.step = step;
    this.errno = errno;
    this.code = code;
  }
}

/**
 * Opens and binds, non-blocking. The caller closes it.
 *
 * @throws UdpError
 */
export function openUdpSocket(wish: UdpWish): UdpSocket {
  const { ipv6, bufferBytes, shared = false, group = false, local = false } = wish;
  const c = libc();
  const arena = new Arena(512);
  const at = arena.alloc(64);
  const value = arena.alloc(8);
  const type = Socket.SOCK_DGRAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC;
  const fd = c.socket(ipv6 ? Socket.AF_INET6 : Socket.AF_INET, type, 0);
  if (fd < 0) throw new UdpError('socket', c.errno(), wish);
  const option = (level: number, name: number, number: number): boolean => set(fd, level, name, number);
  try {
    if (ipv6 && !option(Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 0)) {
      throw new UdpError('socket', c.errno(), wish);
    }
    if (shared) option(Socket.SOL_SOCKET, Socket.SO_REUSEPORT, 1);
    if (local && ipv6) option(Socket.IPPROTO_IPV6, Socket.IPV6_RECVPKTINFO, 1);
    else if (local) option(Socket.IPPROTO_IP, Socket.IP_PKTINFO, 1);
    deepen(fd, ipv6, bufferBytes);
    const written = writeSockaddr(arena.u8, arena.view, at, wish);
    if (!written || (!ipv6 && !narrowSockaddr(arena.view, at, at))) throw new UdpError('address', 0, wish);
    const length = sockaddrLength(ipv6);
    if (c.bind(fd, arena.base + at, length) !== 0) throw new UdpError('bind', c.errno(), wish);
    arena.view.setUint32(value, length, true);
    c.getsockname(fd, arena.base + at, arena.base + value);
    if (shared && !group) option(Socket.SOL_SOCKET, Socket.SO_REUSEPORT, 0);
    if (!shared && group) option(Socket.SOL_SOCKET, Socket.SO_REUSEPORT, 1);
    return { fd, port: arena.view.getUint16(at + 2), ipv6, local };
  } catch (thrown) {
    c.close(fd);
    throw thrown;
  }
}

/**
 * Has a socket take and give trains, through buffers of so many bytes each, and believe no ICMP: how long a packet may be on a path is
 * found out by trying. A message, which anybody can forge, must not shorten it: the kernel would refuse every cut send from then on.
 */
export function deepen(fd: number, ipv6: boolean, bufferBytes: number): void {
  const option = (level: number, name: number, value: number): boolean => set(fd, level, name, value);
  option(Socket.SOL_UDP, Socket.UDP_GRO, 1);
  option(Socket.IPPROTO_IP, Socket.IP_MTU_DISCOVER, Socket.PMTUDISC_OMIT);
  if (ipv6) option(Socket.IPPROTO_IPV6, Socket.IPV6_MTU_DISCOVER, Socket.PMTUDISC_OMIT);
  for (const [force, plain] of [
    [Socket.SO_RCVBUFFORCE, Socket.SO_RCVBUF],
    [Socket.SO_SNDBUFFORCE, Socket.SO_SNDBUF],
  ] as const) {
    if (!option(Socket.SOL_SOCKET, force, bufferBytes)) option(Socket.SOL_SOCKET, plain, bufferBytes);
  }
}

/** False: the system refused. */
function set(fd: number, level: number, name: number, value: number): boolean {
  const arena = new Arena(64);
  arena.view.setInt32(0, value, true);
  return libc().setsockopt(fd, level, name, arena.base, 4) === 0;
}

/** Lets another socket of this user bind to the same port, for a moment of change. */
export function sharePort(fd: number): void {
  set(fd, Socket.SOL_SOCKET, Socket.SO_REUSEPORT, 1);
}

/** How many routers packets by IPv4 pass (ip(7), IP_TTL). @param hops undefined: as many as the system has it */
export function setHops(fd: number, hops?: number): void {
  set(fd, Socket.IPPROTO_IP, Socket.IP_TTL, hops ?? -1);
}

/**
 * Has packets leave by these interfaces, whatever routes say (IP_UNICAST_IF, ip(7)). @param v4 index of the interface,
 * 0: routes decide
 */
export function pinUdp({ fd, ipv6 }: Pick<UdpSocket, 'fd' | 'ipv6'>, v4: number, v6: number): void {
  const arena = new Arena(64);
  const option = (level: number, name: number, index: number): void => {
    // In the order of the network, of all options of a socket.
    arena.view.setUint32(0, index);
    libc().setsockopt(fd, level, name, arena.base, 4);
  };
  option(Socket.IPPROTO_IP, Socket.IP_UNICAST_IF, v4);
  if (ipv6) option(Socket.IPPROTO_IPV6, Socket.IPV6_UNICAST_IF, v6);
}
