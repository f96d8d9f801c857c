/**
 * The relay's UDP socket by system calls: opened on the main thread, used by the forwarding thread, and kept while that
 * is replaced. Receives with UDP_GRO and sends with UDP_SEGMENT (udp(7)): up to 64 datagrams a call. At the wildcard it
 * answers from the address that was asked: where a member is bound is its sockaddr and, behind it, the address of this
 * machine that it came to.
 *
 *   sockaddr_in:  family 2 | port 2 BE | address 4 | zero 8
 *   sockaddr_in6: family 2 | port 2 BE | flow 4 | address 16 | scope 4
 */
import { isIPv6 } from 'node:net';
import { addressText, type Endpoint } from '../../core/lib/endpoint.js';
import type { Arena } from '../../core/native/arena.js';
import { Errno, libc, Sockaddr, type Libc } from '../../core/native/libc.js';
import { sockaddrLength } from '../../core/native/sockaddr.js';
import { localLength, prepareLocal, readLocal, sendFrom } from '../../core/native/udp-local.js';
import {
  aim,
  cutInto,
  prepare,
  receiveMessage,
  segmentOf,
  sendMessage,
  type UdpMessage,
} from '../../core/native/udp-message.js';
import { openUdpSocket, type UdpSocket } from '../../core/native/udp-socket.js';

/** About 10 ms at 10 Gbit/s. */
const bufferBytes = 16 << 20;
/** UDP_MAX_SEGMENTS of older kernels. */
export const maxSegments = 64;

/** The endpoint of a sockaddr. A mapped address is IPv4; a zone is left out. */
export function endpointOfSockaddr(bytes: Uint8Array, at: number, ipv6: boolean): Endpoint {
  const port = ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number);
  if (ipv6) return { host: addressText(bytes.slice(at + 8, at + 24)), port };
  const [a, b, c, d] = bytes.subarray(at + 4, at + 8);
  return { host: `${a}.${b}.${c}.${d}`, port };
}

/** A socket of the host's family; `::` takes IPv4 as well. Throws Error with the system's code (`EADDRINUSE` …). */
export function openForwardSocket(host: string, port: number): UdpSocket {
  const local = host === '::' || host === '0.0.0.0';
  return openUdpSocket({ host, port, ipv6: isIPv6(host), bufferBytes, local });
}

/** Bytes of what a member is bound by: a sockaddr, and the local address, zeros where the socket is bound to one. */
export function boundLength(ipv6: boolean): number {
  return sockaddrLength(ipv6) + localLength(ipv6);
}

/** The calls of the forwarding thread. All offsets are into the arena. Nothing is allocated per call. */
export class SocketIo {
  /** After `receive`: bytes of each datagram but the last, which may be shorter. */
  segment = 0;
  /** Where `receive` leaves the sender's sockaddr and the local address, and `send` takes the receiver's and that from. */
  readonly from: number;
  readonly to: number;
  readonly #arena: Arena;
  readonly #libc: Libc = libc();
  readonly #fd: number;
  readonly #ipv6: boolean;
  readonly #local: boolean;
  readonly #addressLength: number;
  readonly #rx: UdpMessage;
  readonly #tx: UdpMessage;

  constructor(arena: Arena, socket: UdpSocket) {
    this.#arena = arena;
    this.#fd = socket.fd;
    this.#ipv6 = socket.ipv6;
    this.#local = socket.local === true;
    this.#addressLength = sockaddrLength(socket.ipv6);
    this.from = arena.alloc(Sockaddr.in6Size + localLength(true));
    this.to = arena.alloc(Sockaddr.in6Size + localLength(true));
    this.#rx = receiveMessage(arena, this.from, this.#addressLength);
    this.#tx = sendMessage(arena, this.to, this.#addressLength);
    if (this.#local) prepareLocal(arena, this.#tx, socket.ipv6);
  }

  /** Bytes received to `at`, with `segment` and `from` set; below 0 the negated errno. */
  receive(at: number, max: number): number {
    const { view, base } = this.#arena;
    const rx = this.#rx;
    aim(view, rx.iov, base + at, max);
    prepare(view, rx.header, this.#addressLength);
    const n = this.#libc.recvmsg(this.#fd, base + rx.header, 0);
    if (n < 0) return -this.#libc.errno();
    this.segment = segmentOf(view, rx.header, rx.control, n);
    if (this.#local) readLocal(this.#arena, rx, this.#ipv6, this.from + this.#addressLength);
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
    const tx = this.#tx;
    aim(view, tx.iov, base + at, length);
    cutInto(view, tx.header, tx.control, segment);
    if (this.#local) sendFrom(this.#arena, tx, this.#ipv6, this.to + this.#addressLength, segment > 0);
    for (;;) {
      if (this.#libc.sendmsg(this.#fd, base + tx.header, 0) >= 0) return 0;
      const errno = this.#libc.errno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }
}
