/** `PacketIo` over a TAP descriptor and a UDP socket: recvmsg with UDP_GRO, sendmsg with UDP_SEGMENT (udp(7)). */
import type { Arena } from '../native/arena.js';
import { Errno, libc, Msghdr, PollEvent, Pollfd, Socket, type Libc } from '../native/libc.js';
import type { PacketIo } from './packet-io.js';
import { narrowSockaddr, sockaddrSize, widenSockaddr } from '../native/sockaddr.js';
import { aim, cutInto, prepare, receiveMessage, segmentOf, sendMessage } from '../native/udp-message.js';

/** How long a full socket buffer may hold up the loop, twice at most for one batch. */
const writableWaitMs = 5;

export interface KernelDescriptors {
  readonly tapFd: number;
  readonly datagramOffload: boolean;
  readonly udpFd: number;
  readonly ipv6: boolean;
}

export class KernelIo implements PacketIo {
  segment = 0;
  readonly from: number;
  readonly #arena: Arena;
  readonly #libc: Libc;
  readonly datagramOffload: boolean;
  readonly #tapFd: number;
  readonly #udpFd: number;
  readonly #ipv6: boolean;
  readonly #rx: number;
  readonly #rxIov: number;
  readonly #rxControl: number;
  readonly #tx: number;
  readonly #txIov: number;
  readonly #txControl: number;
  readonly #txName: number;
  readonly #pollfd: number;
  readonly #option: number;

  constructor(arena: Arena, fds: KernelDescriptors) {
    this.#arena = arena;
    this.#libc = libc();
    this.#tapFd = fds.tapFd;
    this.datagramOffload = fds.datagramOffload;
    this.#udpFd = fds.udpFd;
    this.#ipv6 = fds.ipv6;
    this.from = arena.alloc(sockaddrSize);
    const rx = receiveMessage(arena, this.from, sockaddrSize);
    this.#rx = rx.header;
    this.#rxIov = rx.iov;
    this.#rxControl = rx.control;
    this.#txName = arena.alloc(sockaddrSize);
    const tx = sendMessage(arena, this.#txName, sockaddrSize);
    this.#tx = tx.header;
    this.#txIov = tx.iov;
    this.#txControl = tx.control;
    this.#pollfd = arena.alloc(Pollfd.size);
    this.#option = arena.alloc(8);
    const { view } = arena;
    view.setInt32(this.#pollfd + Pollfd.fd, fds.udpFd, true);
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

  receive(at: number, max: number): number {
    const { view, base } = this.#arena;
    const rx = this.#rx;
    aim(view, this.#rxIov, base + at, max);
    prepare(view, rx, sockaddrSize);
    const n = this.#libc.recvmsg(this.#udpFd, base + rx, 0);
    if (n < 0) return -this.#libc.errno();
    if (!this.#ipv6) widenSockaddr(view, this.from);
    this.segment = segmentOf(view, rx, this.#rxControl, n);
    return n;
  }

  limitHops(hops: number): void {
    const { view, base } = this.#arena;
    // -1 is the default of both options (ip(7), ipv6(7)). IPv4 by a dual-stack socket takes the first.
    view.setInt32(this.#option, hops > 0 ? hops : -1, true);
    this.#libc.setsockopt(this.#udpFd, Socket.IPPROTO_IP, Socket.IP_TTL, base + this.#option, 4);
    if (!this.#ipv6) return;
    this.#libc.setsockopt(this.#udpFd, Socket.IPPROTO_IPV6, Socket.IPV6_UNICAST_HOPS, base + this.#option, 4);
  }

  send(to: number, at: number, length: number, segment: number): number {
    const { view, base } = this.#arena;
    const tx = this.#tx;
    let name = to;
    let nameLength: number = sockaddrSize;
    if (!this.#ipv6) {
      if (!narrowSockaddr(view, to, this.#txName)) return -Errno.EAFNOSUPPORT;
      name = this.#txName;
      nameLength = 16;
    }
    if (base > 0xffff_ffff) this.#arena.setPointer(tx + Msghdr.name, base + name);
    else view.setUint32(tx + Msghdr.name, base + name, true);
    view.setUint32(tx + Msghdr.nameLength, nameLength, true);
    aim(view, this.#txIov, base + at, length);
    cutInto(view, tx, this.#txControl, segment);
    for (let attempt = 0; ; attempt++) {
      const n = this.#libc.sendmsg(this.#udpFd, base + tx, 0);
      if (n >= 0) return 0;
      const errno = this.#libc.errno();
      if ((errno !== Errno.EAGAIN && errno !== Errno.EINTR) || attempt === 2) return -errno;
      this.#libc.poll(base + this.#pollfd, 1, writableWaitMs);
    }
  }
}
