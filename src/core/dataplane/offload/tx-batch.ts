/**
 * Packets on their way out, gathered so that one system call sends many.
 *
 * Packets for one route that follow each other make a train, which leaves by UDP_SEGMENT: all of one length but the last.
 * Trains of any lengths and routes lie behind each other and leave together by sendmmsg, in the order in which they came.
 * Carrier packets are gathered in the batch form of wire/relay.ts instead.
 *
 * `reserve` hands out the place for one packet; what is gathered is sent when no more fits, and by `flush`.
 */
import type { Arena } from '../../native/arena.js';
import { Errno } from '../../native/libc.js';
import { ethernetHeaderLength } from '../../wire/ethernet.js';
import { dataHeaderLength, PacketType, tagLength } from '../../wire/packet.js';
import { frameBuffer } from '../loop/buffers.js';
import { sendLimit, SendQueue, type PacketIo } from '../loop/packet-io.js';
import { RouteKind, type Route } from '../loop/route.js';
import { drop, Drop, HoleField, type SharedMemory } from '../plane/shared.js';
import type { Uplink } from '../loop/uplink.js';

/** UDP_MAX_SEGMENTS of Linux before 6.9. */
const maxSegments = 64;
/**
 * Bytes of one call, and so of one train: what an IPv4 datagram carries. More calls' worth at a time would make the
 * receiver wait for what is being sealed.
 */
const maxBytes = 65_507;
/** What IPv6 and TCP with timestamps take of the MTU, and what Linux sets aside for headers (MAX_TCP_HEADER + 1), at least. */
const innerHeaders = 72;
const kernelHeaders = 257;
/** GSO_LEGACY_MAX_SIZE. */
const longestSuperFrame = 65_536;

/**
 * Bytes to which the kernel shall limit its super-frames, so that one makes just one train: the rest of a longer one would
 * travel, be received, written and acknowledged by itself.
 */
export function superFrameLimit(mtu: number): number {
  const packet = dataHeaderLength + 1 + ethernetHeaderLength + mtu + tagLength;
  const segments = Math.min(maxSegments, Math.floor(maxBytes / packet));
  return Math.min(longestSuperFrame, (segments + 1) * (mtu - innerHeaders) - 1 + kernelHeaders);
}

/** A carrier batch is handed on when it has grown to this. */
const carrierBytes = 60_000;
/** How long a route is sent to packet by packet after the kernel refused to cut for it. */
const gsoRetryMs = 30_000;

export class TxBatch {
  /** What goes out now only tries how long a packet may be: that it is too long is an answer, and no failure. */
  trial = false;
  readonly #arena: Arena;
  readonly #io: PacketIo;
  readonly #shared: SharedMemory;
  readonly #uplink: Uplink;
  readonly #at: number;
  readonly #queue = new SendQueue();
  /** Of each train: its route, and its packets. */
  readonly #routes: (Route | null)[] = new Array<Route | null>(sendLimit).fill(null);
  readonly #counts = new Int32Array(sendLimit);
  /** Trains gathered; the last of them still grows. */
  #trains = 0;
  #bytes = 0;
  /** Of the last train. */
  #route: Route | null = null;
  #count = 0;
  #segment = 0;
  #start = 0;
  /** A shorter packet was added: it must be the last. */
  #ended = false;

  constructor(arena: Arena, io: PacketIo, shared: SharedMemory, uplink: Uplink) {
    this.#arena = arena;
    this.#io = io;
    this.#shared = shared;
    this.#uplink = uplink;
    this.#at = arena.alloc(frameBuffer);
  }

  /** The place for a packet of exactly `size` bytes (below 64 000) on a usable route. It must be filled before the next call. */
  reserve(route: Route, size: number): number {
    const { view, u8 } = this.#arena;
    const total = size + route.prefix;
    if (this.#count > 0 && !this.#fits(route, total)) this.#close(route, total);
    if (this.#count === 0) {
      this.#route = route;
      this.#segment = total;
      this.#start = this.#bytes;
      this.#ended = false;
    } else if (total < this.#segment) {
      this.#ended = true;
    }
    const at = this.#at + this.#bytes;
    this.#bytes += total;
    this.#count++;
    if (route.kind === RouteKind.relay) {
      view.setUint32(at, PacketType.relaySend, true);
      view.setInt32(at + 4, route.relay?.association ?? 0, true);
      u8.copyWithin(at + 8, route.destination, route.destination + 16);
    } else if (route.kind === RouteKind.carrier) {
      view.setUint16(at, size, true);
    }
    return at + route.prefix;
  }

  #fits(route: Route, total: number): boolean {
    if (route !== this.#route) return false;
    if (route.kind === RouteKind.carrier) return this.#bytes + total <= carrierBytes;
    return (
      !this.#ended && total <= this.#segment && this.#count < maxSegments && this.#bytes + total <= maxBytes
    );
  }

  /** Ends the last train; sends everything unless the first packet of another finds room behind it. */
  #close(next: Route, total: number): void {
    const route = this.#route as Route;
    const carried = route.kind === RouteKind.carrier || next.kind === RouteKind.carrier;
    if (carried || this.#trains + 1 === sendLimit || this.#bytes + total > maxBytes) return this.flush();
    this.#note(route);
  }

  /** The last train is complete. */
  #note(route: Route): void {
    const i = this.#trains++;
    const queue = this.#queue;
    const { hole } = route;
    queue.to[i] = route.to;
    queue.socket[i] = hole === null ? 0 : hole.fd;
    hole?.count(HoleField.sent);
    queue.at[i] = this.#at + this.#start;
    queue.length[i] = this.#bytes - this.#start;
    queue.segment[i] = this.#count > 1 ? this.#segment : 0;
    this.#routes[i] = route;
    this.#counts[i] = this.#count;
    this.#count = 0;
  }

  /** Sends what is gathered. */
  flush(): void {
    const route = this.#route;
    if (this.#count === 0 || route === null) return;
    if (route.kind === RouteKind.carrier) {
      this.#carry(route, this.#count, this.#bytes);
    } else {
      this.#note(route);
      if (this.#trains === 1) this.#sendTrain(0);
      else this.#sendTrains();
    }
    this.#trains = 0;
    this.#count = 0;
    this.#bytes = 0;
    this.#route = null;
  }

  #sendTrains(): void {
    const count = this.#trains;
    const queue = this.#queue;
    for (let i = 0; i < count;) {
      let end = i;
      while (end < count && this.#mayCut(end) && queue.socket[end] === queue.socket[i]) end++;
      const sent = end - i > 1 ? this.#io.sendMany(queue, i, end - i) : 0;
      if (sent > 0) i += sent;
      // What the first of them met, it meets again alone, where it is dealt with.
      else this.#sendTrain(i++);
    }
  }

  /** True when the kernel can be asked to send this train whole. */
  #mayCut(train: number): boolean {
    if (this.#queue.segment[train] === 0) return true;
    const retryAt = this.#routes[train]?.gsoRetryAt ?? 0;
    return retryAt === 0 || performance.now() >= retryAt;
  }

  #sendTrain(train: number): void {
    const queue = this.#queue;
    const to = queue.to[train] as number;
    const start = queue.at[train] as number;
    const bytes = queue.length[train] as number;
    const segment = queue.segment[train] as number;
    const socket = queue.socket[train] as number;
    if (segment === 0) return this.#failed(this.#io.send(to, start, bytes, 0, socket), 1);
    const route = this.#routes[train] as Route;
    if (this.#mayCut(train)) {
      const result = this.#io.send(to, start, bytes, segment, socket);
      // EIO: no checksum offload on the way out. EINVAL: a segment is larger than the MTU (EMSGSIZE since Linux 6.13), or
      // the kernel knows no UDP_SEGMENT.
      const refused =
        result === -Errno.EIO ||
        result === -Errno.EINVAL ||
        result === -Errno.EMSGSIZE ||
        result === -Errno.ENOPROTOOPT;
      if (!refused) return this.#failed(result, this.#counts[train] as number);
      route.gsoRetryAt = performance.now() + gsoRetryMs;
    }
    for (let at = 0; at < bytes; at += segment) {
      this.#failed(this.#io.send(to, start + at, Math.min(segment, bytes - at), 0, socket), 1);
    }
  }

  /** Network errors are counted and never fatal: the path's owner sees that nothing comes back. */
  #failed(result: number, packets: number): void {
    if (result === 0 || (this.trial && result === -Errno.EMSGSIZE)) return;
    const full = result === -Errno.EAGAIN || result === -Errno.ENOBUFS;
    drop(this.#shared, full ? Drop['send-full'] : Drop['send-failed'], packets);
  }

  #carry(route: Route, count: number, bytes: number): void {
    if (!this.#uplink.admitsCarry(bytes)) {
      drop(this.#shared, Drop['carrier-full'], count);
      return;
    }
    const { u8 } = this.#arena;
    this.#uplink.carry(
      route.carrier,
      u8.subarray(route.destination, route.destination + 16),
      u8.subarray(this.#at, this.#at + bytes),
    );
  }
}
