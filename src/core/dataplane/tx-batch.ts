/**
 * Packets on their way out, gathered so that one system call sends many: packets for one route lie behind each other
 * and leave together by UDP_SEGMENT, which wants all of one length but the last. Carrier packets are gathered in the
 * batch form of wire/relay.ts instead.
 *
 * `reserve` hands out the place for one packet; what it held before is sent when the next packet does not fit to it.
 */
import type { Arena } from '../native/arena.js';
import { Errno } from '../native/libc.js';
import { PacketType } from '../wire/packet.js';
import { drop, frameBuffer } from './context.js';
import type { PacketIo } from './packet-io.js';
import { RouteKind, type Route } from './route.js';
import { Drop, type SharedMemory } from './shared.js';
import type { Uplink } from './uplink.js';

/** UDP_MAX_SEGMENTS of Linux before 6.9. */
const maxSegments = 64;
/** Bytes of one send: an IPv4 datagram carries 65 507, and a relay's header rewrite must not overflow either. */
const maxBytes = 65_000;
/** A carrier batch is handed on when it has grown to this. */
const carrierBytes = 60_000;
/** How long a route is sent to packet by packet after the kernel refused to cut for it. */
const gsoRetryMs = 30_000;

export class TxBatch {
  readonly #arena: Arena;
  readonly #io: PacketIo;
  readonly #shared: SharedMemory;
  readonly #uplink: Uplink;
  readonly #at: number;
  #route: Route | null = null;
  #count = 0;
  #bytes = 0;
  #segment = 0;
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
    if (this.#count > 0 && !this.#fits(route, total)) this.flush();
    if (this.#count === 0) {
      this.#route = route;
      this.#segment = total;
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

  /** Sends what is gathered. */
  flush(): void {
    const route = this.#route;
    if (this.#count === 0 || route === null) return;
    const count = this.#count;
    const bytes = this.#bytes;
    this.#count = 0;
    this.#bytes = 0;
    this.#route = null;
    if (route.kind === RouteKind.carrier) {
      this.#carry(route, count, bytes);
      return;
    }
    const to = route.kind === RouteKind.relay && route.relay ? route.relay.address : route.address;
    if (count === 1) {
      this.#failed(this.#io.send(to, this.#at, bytes, 0), 1);
      return;
    }
    if (route.gsoRetryAt === 0 || performance.now() >= route.gsoRetryAt) {
      const result = this.#io.send(to, this.#at, bytes, this.#segment);
      // EIO: no checksum offload on the way out. EINVAL: a segment is larger than the MTU (EMSGSIZE since Linux 6.13), or
      // the kernel knows no UDP_SEGMENT.
      const refused =
        result === -Errno.EIO ||
        result === -Errno.EINVAL ||
        result === -Errno.EMSGSIZE ||
        result === -Errno.ENOPROTOOPT;
      if (!refused) {
        this.#failed(result, count);
        return;
      }
      route.gsoRetryAt = performance.now() + gsoRetryMs;
    }
    for (let at = 0; at < bytes; at += this.#segment) {
      this.#failed(this.#io.send(to, this.#at + at, Math.min(this.#segment, bytes - at), 0), 1);
    }
  }

  /** Network errors are counted and never fatal: the path's owner sees that nothing comes back. */
  #failed(result: number, packets: number): void {
    if (result === 0) return;
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
