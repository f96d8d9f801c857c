/**
 * Sockets besides the data socket, each for one peer: a port of its own whose hole in our NAT the peer hit (carriers/birthday). A
 * path that names the carrier and the peer goes by it, and what comes from the peer's endpoint is of that carrier.
 */
import type { Arena } from '../../native/arena.js';
import { sameSockaddr, sockaddrSize, writeSockaddr } from '../../native/sockaddr.js';
import { nodeIdLength } from '../../wire/packet.js';
import type { PacketIo } from './packet-io.js';
import type { HoleRoute } from '../plane/plane.js';
import { HoleField, holeLimit, type SharedMemory } from '../plane/shared.js';

export class HoleEntry {
  /** Offset of the sockaddr_in6 of the peer. */
  readonly address: number;
  /** Offset of the peer's node id. */
  readonly source: number;
  carrier = -1;
  /** Its socket; 0: there is none. */
  fd = 0;
  readonly #arena: Arena;
  readonly #counters: Float64Array;

  /** @param counters its own, in memory that is shared with the control thread */
  constructor(arena: Arena, counters: Float64Array) {
    this.#arena = arena;
    this.#counters = counters;
    this.address = arena.alloc(sockaddrSize, 32);
    this.source = arena.alloc(nodeIdLength);
  }

  set(route: HoleRoute | null): void {
    const { u8, view } = this.#arena;
    this.#counters.fill(0);
    this.fd = route !== null && writeSockaddr(u8, view, this.address, route.endpoint) ? route.fd : 0;
    if (route === null) return;
    this.carrier = route.carrier;
    u8.set(route.destination.subarray(0, nodeIdLength), this.source);
  }

  leadsTo(carrier: number, destination: Uint8Array): boolean {
    if (this.fd === 0 || this.carrier !== carrier) return false;
    const { u8 } = this.#arena;
    return destination.every((byte, i) => byte === u8[this.source + i]);
  }

  /** Whether what came to its socket from the sockaddr_in6 at `from` is the peer's. */
  brought(from: number): boolean {
    return this.fd !== 0 && sameSockaddr(this.#arena.view, this.address, from);
  }

  count(field: number): void {
    this.#counters[field] = (this.#counters[field] as number) + 1;
  }
}

/** Who may have packets go by a hole. */
export interface HoleUser {
  leave(hole: HoleEntry): void;
}

export class Holes {
  readonly entries: readonly HoleEntry[];

  constructor(arena: Arena, { holes }: SharedMemory) {
    this.entries = Array.from({ length: holeLimit }, (_, i) => {
      const at = i * HoleField.count;
      return new HoleEntry(arena, holes.subarray(at, at + HoleField.count));
    });
  }

  /** @param peers none of them goes by it as it was */
  set(hole: number, route: HoleRoute | null, peers: readonly (HoleUser | null)[]): void {
    const entry = this.entries[hole];
    if (!entry) return;
    for (const peer of peers) peer?.leave(entry);
    entry.set(route);
  }

  /** Has its socket looked at, or no more. */
  listen(hole: number, io: Pick<PacketIo, 'listen'>): void {
    io.listen(hole, this.entries[hole]?.fd ?? 0);
  }

  /** The one that leads to this node; null: the control thread carries the packets. */
  to(carrier: number, destination: Uint8Array): HoleEntry | null {
    return this.entries.find((entry) => entry.leadsTo(carrier, destination)) ?? null;
  }
}
