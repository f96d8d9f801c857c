/**
 * Copies of a signed flood to the links that cover an arc of the ring (switch/bounded-flood.ts) on which somebody wants it
 * (switch/multicast.ts), whole or in halves.
 */
import { positionOf, ringSize } from '../../topology/position.js';
import { FloodAt, FloodFlag, floodTtl, partHeaderLength } from '../../wire/flood.js';
import { Kind } from '../../wire/packet.js';
import type { LoopContext } from '../loop/context.js';
import type { Sealer } from '../keys/seal.js';
import { DeviceField } from '../plane/shared.js';
import type { PeerEntry } from '../loop/table.js';
import { onePacket, type FloodParts } from './parts.js';

export class FloodCopies {
  readonly #c: LoopContext;
  readonly #sealer: Sealer;
  readonly #parts: FloodParts;
  readonly #self: number;
  /** Plaintexts that are longer go in halves. */
  readonly #onePacket: number;

  constructor(context: LoopContext, sealer: Sealer, parts: FloodParts) {
    const { options } = context;
    this.#c = context;
    this.#sealer = sealer;
    this.#parts = parts;
    this.#self = positionOf(options.nodeId);
    this.#onePacket = onePacket(options.mtu);
  }

  /** Sends our own flood, `length` bytes from its ttl at `at` on, around the ring, or to the anchor when we are a leaf. */
  begin(at: number, length: number): void {
    const { arena, links, options, tables } = this.#c;
    arena.u8[at + FloodAt.ttl] = floodTtl;
    if (options.leaf) {
      const anchor = tables.peers[links.anchor] ?? null;
      if (anchor !== null) this.#copyTo(anchor, at, length, FloodFlag.handOver, this.#self);
      return;
    }
    links.flood.begin(this.#self);
    this.#copy(at, length, -1);
  }

  /** Passes on what `link` brought. */
  passOn(link: PeerEntry, at: number, length: number): void {
    const { arena, links } = this.#c;
    const { u8 } = arena;
    const flags = u8[at + FloodAt.flags] as number;
    u8[at + FloodAt.ttl] = (u8[at + FloodAt.ttl] as number) - 1;
    if ((flags & FloodFlag.handOver) !== 0) {
      links.flood.begin(this.#self);
      this.#transit(this.#copy(at, length, link.slot), length);
      return;
    }
    const bound = positionOf(u8, at + FloodAt.bound);
    // An arc that ends at ourselves would be the whole ring; as a bound from others it is an empty arc.
    links.flood.begin(bound === this.#self ? (this.#self + 1) % ringSize : bound);
    let copies = this.#copy(at, length, link.slot);
    if ((flags & FloodFlag.edge) !== 0) {
      links.flood.holes(link.position);
      copies += this.#copy(at, length, link.slot);
    }
    this.#transit(copies, length);
  }

  #transit(copies: number, length: number): void {
    const { device } = this.#c.shared;
    device[DeviceField.transitPackets] = (device[DeviceField.transitPackets] as number) + copies;
    device[DeviceField.transitBytes] = (device[DeviceField.transitBytes] as number) + copies * length;
  }

  /** Copies to the links that the walk gives, but to `except`. Returns how many. */
  #copy(at: number, length: number, except: number): number {
    const { links, tables, multicast } = this.#c;
    const { flood } = links;
    let copies = 0;
    for (let slot = flood.next(); slot >= 0; slot = flood.next()) {
      const peer = slot === except ? null : (tables.peers[slot] ?? null);
      if (peer === null || !multicast.reaches(slot, flood.from, flood.bound)) continue;
      if (this.#copyTo(peer, at, length, flood.edge ? FloodFlag.edge : 0, flood.bound)) copies++;
    }
    return copies;
  }

  #copyTo(peer: PeerEntry, at: number, length: number, flags: number, bound: number): boolean {
    const { view, u8 } = this.#c.arena;
    u8[at + FloodAt.flags] = flags;
    // The upper 52 of 64 bits.
    view.setUint32(at + FloodAt.bound, Math.floor(bound / 0x10_0000));
    view.setUint32(at + FloodAt.bound + 4, (bound % 0x10_0000) * 0x1000);
    if (length + 1 > this.#onePacket) return this.#inHalves(peer, at, length);
    u8[at - 1] = Kind.flood;
    return this.#sealer.pass(peer, at - 1, length + 1);
  }

  #inHalves(peer: PeerEntry, at: number, length: number): boolean {
    const { view } = this.#c.arena;
    const parts = this.#parts;
    const number = parts.next();
    const first = (length + 1) >> 1;
    parts.write(at, number, 0);
    if (!this.#sealer.pass(peer, at - partHeaderLength, partHeaderLength + first)) return false;
    // The head of the second half lies over the end of the first.
    const covered = view.getInt32(at + first - partHeaderLength);
    parts.write(at + first, number, 1);
    const sent = this.#sealer.pass(peer, at + first - partHeaderLength, partHeaderLength + length - first);
    view.setInt32(at + first - partHeaderLength, covered);
    return sent;
  }
}
