/**
 * The relay's UDP socket by system calls: opened on the main thread, used by the forwarding thread, and kept while that
 * is replaced. Receives with UDP_GRO and sends with UDP_SEGMENT (udp(7)): up to 64 datagrams a call.
 *
 *   sockaddr_in:  family 2 | port 2 BE | address 4 | zero 8
 *   sockaddr_in6: family 2 | port 2 BE | flow 4 | address 16 | scope 4
 */
import { isIPv6 } from 'node:net';
import { addressText, type Endpoint } from '../../core/lib/endpoint.js';
import type { Arena } from '../../core/native/arena.js';
import { Errno, libc, Sockaddr, type Libc } from '../../core/native/libc.js';
import { sockaddrLength } from '../../core/native/sockaddr.js';
import {
  aim,
  cutInto,
  prepare,
  receiveMessage,
  segmentOf,
  sendMessage,
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
  return openUdpSocket({ host, port, ipv6: isIPv6(host), bufferBytes });
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

  constructor(arena: Arena, socket: UdpSocket) {
    this.#arena = arena;
    this.#fd = socket.fd;
    this.#addressLength = sockaddrLength(socket.ipv6);
    this.from = arena.alloc(Sockaddr.in6Size);
    this.to = arena.alloc(Sockaddr.in6Size);
    const rx = receiveMessage(arena, this.from, this.#addressLength);
    this.#rx = rx.header;
    this.#rxIov = rx.iov;
    this.#rxControl = rx.control;
    const tx = sendMessage(arena, this.to, this.#addressLength);
    this.#tx = tx.header;
    this.#txIov = tx.iov;
    this.#txControl = tx.control;
  }

  /** Bytes received to `at`, with `segment` and `from` set; below 0 the negated errno. */
  receive(at: number, max: number): number {
    const { view, base } = this.#arena;
    const rx = this.#rx;
    aim(view, this.#rxIov, base + at, max);
    prepare(view, rx, this.#addressLength);
    const n = this.#libc.recvmsg(this.#fd, base + rx, 0);
    if (n < 0) return -this.#libc.errno();
    this.segment = segmentOf(view, rx, this.#rxControl, n);
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
    aim(view, this.#txIov, base + at, length);
    cutInto(view, this.#tx, this.#txControl, segment);
    for (;;) {
      if (this.#libc.sendmsg(this.#fd, base + this.#tx, 0) >= 0) return 0;
      const errno = this.#libc.errno();
      if (errno !== Errno.EINTR) return -errno;
    }
  }
}
