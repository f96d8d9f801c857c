/**
 * The relay's UDP socket by system calls: opened on the main thread, used by the forwarding thread, and kept while that
 * is replaced. Receives with UDP_GRO and sends with UDP_SEGMENT (udp(7)): up to 64 datagrams a call.
 *
 *   sockaddr_in:  family 2 | port 2 BE | address 4 | zero 8
 *   sockaddr_in6: family 2 | port 2 BE | flow 4 | address 16 | scope 4
 */
import { isIPv6 } from 'node:net';
import { addressBytes, addressText, type Endpoint } from '../core/lib/endpoint.js';
import { Arena } from '../core/native/arena.js';
import {
  Cmsghdr,
  Errno,
  errnoName,
  Iovec,
  libc,
  Msghdr,
  Sockaddr,
  Socket,
  type Libc,
} from '../core/native/libc.js';

/** About 10 ms at 10 Gbit/s. */
const bufferBytes = 16 << 20;
const controlRoom = 64;
/** UDP_MAX_SEGMENTS of older kernels. */
export const maxSegments = 64;

export interface NativeSocket {
  readonly fd: number;
  readonly port: number;
  /** `sockaddr_in6` when true, `sockaddr_in` otherwise. */
  readonly ipv6: boolean;
}

export function sockaddrLength(ipv6: boolean): number {
  return ipv6 ? Sockaddr.in6Size : Sockaddr.inSize;
}

/** Writes the sockaddr of an endpoint; the host is an IP literal of the socket's family (IPv6 takes IPv4 as mapped). */
function writeSockaddr(arena: Arena, at: number, ipv6: boolean, host: string, port: number): void {
  const { u8, view } = arena;
  const address = addressBytes(host) ?? new Uint8Array(16);
  u8.fill(0, at, at + Sockaddr.in6Size);
  view.setUint16(at, ipv6 ? Socket.AF_INET6 : Socket.AF_INET, true);
  view.setUint16(at + 2, port);
  if (ipv6) u8.set(address, at + 8);
  else u8.set(address.subarray(12), at + 4);
}

/** The endpoint of a sockaddr. A mapped address is IPv4; a zone is left out. */
export function endpointOfSockaddr(bytes: Uint8Array, at: number, ipv6: boolean): Endpoint {
  const port = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  if (ipv6) return { host: addressText(bytes.slice(at + 8, at + 24)), port };
  const [a, b, c, d] = bytes.subarray(at + 4, at + 8);
  return { host: `${a}.${b}.${c}.${d}`, port };
}

/** A bound, non-blocking socket; `::` takes IPv4 as well. Throws Error with the system's code (`EADDRINUSE` …). */
export function openNativeSocket(host: string, port: number): NativeSocket {
  const c = libc();
  const arena = new Arena(512);
  const at = arena.alloc(64);
  const value = arena.alloc(8);
  const ipv6 = isIPv6(host);
  const fail = (what: string): Error => {
    const code = errnoName(c.errno());
    return Object.assign(new Error(`${what} ${code} ${host}:${port}`), { code });
  };
  const type = Socket.SOCK_DGRAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC;
  const fd = c.socket(ipv6 ? Socket.AF_INET6 : Socket.AF_INET, type, 0);
  if (fd < 0) throw fail('socket');
  const option = (level: number, name: number, number: number): boolean => {
    arena.view.setInt32(value, number, true);
    return c.setsockopt(fd, level, name, arena.base + value, 4) === 0;
  };
  try {
    if (ipv6) option(Socket.IPPROTO_IPV6, Socket.IPV6_V6ONLY, 0);
    option(Socket.SOL_UDP, Socket.UDP_GRO, 1);
    // What ICMP says of a path, which anybody can forge, must not make the kernel refuse long sends to it.
    option(Socket.IPPROTO_IP, Socket.IP_MTU_DISCOVER, Socket.PMTUDISC_OMIT);
    if (ipv6) option(Socket.IPPROTO_IPV6, Socket.IPV6_MTU_DISCOVER, Socket.PMTUDISC_OMIT);
    for (const [force, plain] of [
      [Socket.SO_RCVBUFFORCE, Socket.SO_RCVBUF],
      [Socket.SO_SNDBUFFORCE, Socket.SO_SNDBUF],
    ] as const) {
      if (!option(Socket.SOL_SOCKET, force, bufferBytes)) option(Socket.SOL_SOCKET, plain, bufferBytes);
    }
    writeSockaddr(arena, at, ipv6, host, port);
    const length = sockaddrLength(ipv6);
    if (c.bind(fd, arena.base + at, length) !== 0) throw fail('bind');
    arena.view.setUint32(value, length, true);
    c.getsockname(fd, arena.base + at, arena.base + value);
    return { fd, port: arena.view.getUint16(at + 2), ipv6 };
  } catch (thrown) {
    c.close(fd);
    throw thrown;
  }
}

/** The calls of the forwarding thread. All offsets are into the arena. Nothing is allocated per call. */
export class SocketIo {
  /** After `receive`: bytes of each datagram but the last, which may be shorter. */
  segment = 0;
  /** Where `receive` leaves the sender's sockaddr, and `send` takes the receiver's from. */
  readonly from: number;
  readonly to: number;
  readonly #arena: Arena;
  readonly #libc: Libc = libc();
  readonly #fd: number;
  readonly #addressLength: number;
  readonly #rx: number;
  readonly #rxIov: number;
  readonly #rxControl: number;
  readonly #tx: number;
  readonly #txIov: number;
  readonly #txControl: number;

  constructor(arena: Arena, socket: NativeSocket) {
    this.#arena = arena;
    this.#fd = socket.fd;
    this.#addressLength = sockaddrLength(socket.ipv6);
    this.from = arena.alloc(Sockaddr.in6Size);
    this.to = arena.alloc(Sockaddr.in6Size);
    this.#rx = arena.alloc(Msghdr.size);
    this.#rxIov = arena.alloc(Iovec.size);
    this.#rxControl = arena.alloc(controlRoom);
    this.#tx = arena.alloc(Msghdr.size);
    this.#txIov = arena.alloc(Iovec.size);
    this.#txControl = arena.alloc(controlRoom);
    const { view, base } = arena;
    for (const [message, iov, control, name] of [
      [this.#rx, this.#rxIov, this.#rxControl, this.from],
      [this.#tx, this.#txIov, this.#txControl, this.to],
    ] as const) {
      arena.setPointer(message + Msghdr.iov, base + iov);
      view.setUint32(message + Msghdr.iovLength, 1, true);
      arena.setPointer(message + Msghdr.control, base + control);
      arena.setPointer(message + Msghdr.name, base + name);
      view.setUint32(message + Msghdr.nameLength, this.#addressLength, true);
    }
    view.setUint32(this.#txControl + Cmsghdr.length, Cmsghdr.data + 2, true);
    view.setInt32(this.#txControl + Cmsghdr.level, Socket.SOL_UDP, true);
    view.setInt32(this.#txControl + Cmsghdr.type, Socket.UDP_SEGMENT, true);
  }

  /** Bytes received to `at`, with `segment` and `from` set; below 0 the negated errno. */
  receive(at: number, max: number): number {
    const { view, base } = this.#arena;
    const rx = this.#rx;
    this.#arena.setPointer(this.#rxIov, base + at);
    view.setUint32(this.#rxIov + Iovec.length, max, true);
    view.setUint32(rx + Msghdr.nameLength, this.#addressLength, true);
    view.setUint32(rx + Msghdr.controlLength, controlRoom, true);
    const n = this.#libc.recvmsg(this.#fd, base + rx, 0);
    if (n < 0) return -this.#libc.errno();
    this.segment = n;
    const control = this.#rxControl;
    if (
      view.getUint32(rx + Msghdr.controlLength, true) >= Cmsghdr.data + 4 &&
      view.getInt32(control + Cmsghdr.level, true) === Socket.SOL_UDP &&
      view.getInt32(control + Cmsghdr.type, true) === Socket.UDP_GRO
    ) {
      const segment = view.getInt32(control + Cmsghdr.data, true);
      if (segment > 0) this.segment = segment;
    }
    return n;
  }

  /** Sends `length` bytes to `to`, cut into datagrams of `segment` bytes. 0, or the negated errno of what was not sent. */
  send(at: number, length: number, segment: number): number {
    if (length <= segment) return this.#sendOnce(at, length, 0);
    let error = this.#sendOnce(at, length, segment);
    if (error === 0 || error === -Errno.EAGAIN) return error;
    // No segmentation on this route, or a segment too long for it: one by one, which the kernel may fragment.
    error = 0;
    for (let done = 0; done < length; done += segment) {
      const result = this.#sendOnce(at + done, Math.min(segment, length - done), 0);
      if (result < 0) error = result;
    }
    return error;
  }

  #sendOnce(at: number, length: number, segment: number): number {
    const { view, base } = this.#arena;
    this.#arena.setPointer(this.#txIov, base + at);
    view.setUint32(this.#txIov + Iovec.length, length, true);
    if (segment > 0) view.setUint16(this.#txControl + Cmsghdr.data, segment, true);
    // CMSG_SPACE(2) is the header and two bytes, padded to eight.
    view.setUint32(this.#tx + Msghdr.controlLength, segment > 0 ? Cmsghdr.data + 8 : 0, true);
    for (;;) {
      if (this.#libc.sendmsg(this.#fd, base + this.#tx, 0) >= 0) return 0;
      const errno = this.#libc.errno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }
}
