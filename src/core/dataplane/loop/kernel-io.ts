/**
 * `PacketIo` over a TAP descriptor, a UDP socket, and those of holes, which are IPv4: recvmmsg with UDP_GRO, sendmsg and sendmmsg with UDP_SEGMENT
 * (udp(7)).
 */
import type { Arena } from '../../native/arena.js';
import { Errno, libc, Mmsghdr, Msghdr, PollEvent, Pollfd, Socket, type Libc } from '../../native/libc.js';
import { sendLimit, type PacketIo, type SendQueue } from './packet-io.js';
import { narrowSockaddr, sockaddrLength, sockaddrSize, widenSockaddr } from '../../native/sockaddr.js';
import {
  aim,
  cutInto,
  messageHeaders,
  prepare,
  receiveMessage,
  segmentOf,
  sendMessage,
  type UdpMessage,
} from '../../native/udp-message.js';

/** How long a full socket buffer may hold up the loop, twice at most for one batch. */
const writableWaitMs = 5;
/** Messages that one call may receive, and the room for each: GRO makes none longer than a datagram may be. */
const receiveLimit = 8;
const receiveBytes = 65_536;
/** Bytes of arena that a KernelIo takes. */
export const kernelIoBytes = receiveLimit * (receiveBytes + 512) + (sendLimit + 1) * 512 + 1_024;

export interface KernelDescriptors {
  readonly tapFd: number;
  readonly datagramOffload: boolean;
  readonly udpFd: number;
  readonly ipv6: boolean;
}

/** A message to receive into: where its sender and its bytes will lie. */
interface Incoming extends UdpMessage {
  readonly from: number;
  readonly buffer: number;
}

/** A message to send, with room for the short form of its address. */
interface Outgoing extends UdpMessage {
  readonly name: number;
}

export class KernelIo implements PacketIo {
  segment = 0;
  received = 0;
  from = 0;
  hole = -1;
  readonly #arena: Arena;
  readonly #libc: Libc;
  readonly datagramOffload: boolean;
  readonly #tapFd: number;
  readonly #udpFd: number;
  readonly #ipv6: boolean;
  readonly #incoming: readonly Incoming[];
  /** Messages that the last call brought, and how many of them were handed out. */
  #arrived = 0;
  #taken = 0;
  /** The last call brought less than it could have: the socket was empty. */
  #dry = false;
  /** Sockets to be looked at: the data socket, then those of holes, whose numbers are beside them. */
  readonly #sockets: number[];
  readonly #holes = [-1];
  /** Which of them is looked at. */
  #turn = 0;
  /** The first is the one that `send` uses; they lie behind each other. */
  readonly #outgoing: readonly Outgoing[];
  readonly #pollfd: number;
  readonly #option: number;

  constructor(arena: Arena, fds: KernelDescriptors) {
    this.#arena = arena;
    this.#libc = libc();
    this.#tapFd = fds.tapFd;
    this.datagramOffload = fds.datagramOffload;
    this.#udpFd = fds.udpFd;
    this.#sockets = [fds.udpFd];
    this.#ipv6 = fds.ipv6;
    const { view } = arena;
    this.#incoming = messageHeaders(arena, receiveLimit).map((header) => {
      const from = arena.alloc(sockaddrSize);
      const buffer = arena.alloc(receiveBytes);
      const message = receiveMessage(arena, from, sockaddrSize, header);
      aim(view, message.iov, arena.base + buffer, receiveBytes);
      prepare(view, header, sockaddrSize);
      return { ...message, from, buffer };
    });
    this.#outgoing = messageHeaders(arena, sendLimit).map((header) => {
      const name = arena.alloc(sockaddrSize);
      return { ...sendMessage(arena, name, sockaddrSize, header), name };
    });
    this.#pollfd = arena.alloc(Pollfd.size);
    this.#option = arena.alloc(8);
    view.setUint16(this.#pollfd + Pollfd.events, PollEvent.out, true);
  }

  readDevice(at: number, max: number): number {
    const n = this.#libc.read(this.#tapFd, this.#arena.base + at, max);
    return n >= 0 ? n : -this.#libc.errno();
  }

  writeDevice(at: number, length: number): number {
    const n = this.#libc.write(this.#tapFd, this.#arena.base + at, length);
    return n >= 0 ? n : -this.#libc.errno();
  }

  receive(): number {
    if (this.#taken === this.#arrived) {
      if (this.#dry) {
        this.#dry = false;
        return -Errno.EAGAIN;
      }
      const n = this.#sockets.length > 1 ? this.#fillAny() : this.#fill();
      if (n < 0) return n;
    }
    const { view } = this.#arena;
    const message = this.#incoming[this.#taken++] as Incoming;
    const n = view.getUint32(message.header + Mmsghdr.length, true);
    this.segment = segmentOf(view, message.header, message.control, n);
    prepare(view, message.header, sockaddrSize);
    this.received = message.buffer;
    this.from = message.from;
    if (!this.#ipv6 || this.hole >= 0) widenSockaddr(view, message.from);
    return n;
  }

  listen(hole: number, socket: number): void {
    const known = this.#holes.indexOf(hole);
    if (known > 0) {
      this.#sockets.splice(known, 1);
      this.#holes.splice(known, 1);
    }
    if (socket > 0) {
      this.#sockets.push(socket);
      this.#holes.push(hole);
    }
    this.#turn = 0;
    this.#dry = false;
  }

  /** Sockets that bring packets; the first is the data socket. */
  get sockets(): readonly number[] {
    return this.#sockets;
  }

  /** As `#fill`, of the next socket that has something. */
  #fillAny(): number {
    let n: number = -Errno.EAGAIN;
    for (let i = 0; n < 0 && i < this.#sockets.length; i++) {
      this.#turn = (this.#turn + 1) % this.#sockets.length;
      n = this.#fill();
    }
    // Another one may have more.
    this.#dry = false;
    return n;
  }

  /** Receives what is there; 0, or a negated error. */
  #fill(): number {
    this.hole = this.#holes[this.#turn] as number;
    const fd = this.#sockets[this.#turn] as number;
    const first = this.#incoming[0] as Incoming;
    const n = this.#libc.recvmmsg(fd, this.#arena.base + first.header, receiveLimit, 0, 0);
    this.#taken = 0;
    this.#arrived = n > 0 ? n : 0;
    if (n < 0) return -this.#libc.errno();
    this.#dry = n < receiveLimit;
    return 0;
  }

  limitHops(hops: number): void {
    // -1 is the default of both options (ip(7), ipv6(7)).
    this.#set(0, Socket.IP_TTL, Socket.IPV6_UNICAST_HOPS, hops > 0 ? hops : -1);
  }

  keepWhole(on: boolean, socket: number): void {
    // What the socket was opened with (native/udp-socket.ts) believes no ICMP, and neither does the other.
    const value = on ? Socket.PMTUDISC_PROBE : Socket.PMTUDISC_OMIT;
    this.#set(socket, Socket.IP_MTU_DISCOVER, Socket.IPV6_MTU_DISCOVER, value);
  }

  /** Sets an option that has a name for each family. IPv4 by a dual-stack socket takes the first. */
  #set(socket: number, v4: number, v6: number, value: number): void {
    const { view, base } = this.#arena;
    view.setInt32(this.#option, value, true);
    this.#libc.setsockopt(socket || this.#udpFd, Socket.IPPROTO_IP, v4, base + this.#option, 4);
    if (!this.#ipv6 || socket > 0) return;
    this.#libc.setsockopt(this.#udpFd, Socket.IPPROTO_IPV6, v6, base + this.#option, 4);
  }

  send(to: number, at: number, length: number, segment: number, socket: number): number {
    const message = this.#outgoing[0] as Outgoing;
    const { base } = this.#arena;
    if (!this.#address(message, to, at, length, segment, socket)) return -Errno.EAFNOSUPPORT;
    for (let attempt = 0; ; attempt++) {
      const n = this.#libc.sendmsg(socket || this.#udpFd, base + message.header, 0);
      if (n >= 0) return 0;
      const errno = this.#libc.errno();
      if ((errno !== Errno.EAGAIN && errno !== Errno.EINTR) || attempt === 2) return -errno;
      this.#arena.view.setInt32(this.#pollfd + Pollfd.fd, socket || this.#udpFd, true);
      this.#libc.poll(base + this.#pollfd, 1, writableWaitMs);
    }
  }

  sendMany(queue: SendQueue, first: number, count: number): number {
    const socket = queue.socket[first] as number;
    for (let i = 0; i < count; i++) {
      const from = first + i;
      const at = queue.at[from] as number;
      const length = queue.length[from] as number;
      const message = this.#outgoing[i] as Outgoing;
      const segment = queue.segment[from] as number;
      if (this.#address(message, queue.to[from] as number, at, length, segment, socket)) continue;
      if (i === 0) return -Errno.EAFNOSUPPORT;
      count = i;
    }
    const { header } = this.#outgoing[0] as Outgoing;
    const n = this.#libc.sendmmsg(socket || this.#udpFd, this.#arena.base + header, count, 0);
    return n >= 0 ? n : -this.#libc.errno();
  }

  /** Fills in a message. False when the socket cannot send to its address. */
  #address(
    message: Outgoing,
    to: number,
    at: number,
    length: number,
    segment: number,
    socket: number,
  ): boolean {
    const { view, base } = this.#arena;
    const { header } = message;
    let name = to;
    const narrow = !this.#ipv6 || socket > 0;
    if (narrow) {
      if (!narrowSockaddr(view, to, message.name)) return false;
      name = message.name;
    }
    view.setUint32(header + Msghdr.nameLength, sockaddrLength(!narrow), true);
    if (base > 0xffff_ffff) this.#arena.setPointer(header + Msghdr.name, base + name);
    else view.setUint32(header + Msghdr.name, base + name, true);
    aim(view, message.iov, base + at, length);
    cutInto(view, header, message.control, segment);
    return true;
  }
}
