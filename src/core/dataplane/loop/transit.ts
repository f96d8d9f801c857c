/**
 * Packets between other members (kind 0x20 of wire/packet.ts): opened from one link, sealed for the next, and never read
 * by anybody in between. The worker does it all; the control thread hears nothing of it.
 */
import { transitHeaderLength } from '../../wire/packet.js';
import type { LoopContext } from './context.js';
import type { Sealer } from '../keys/seal.js';
import { stir } from './stir.js';
import { DeviceField, drop, Drop, PeerField } from '../plane/shared.js';
import type { PeerEntry } from './table.js';

/** Where the destination lies in the header, from ttl on. */
const destinationAt = 2;

export class Transit {
  readonly #c: LoopContext;
  readonly #sealer: Sealer;

  constructor(context: LoopContext, sealer: Sealer) {
    this.#c = context;
    this.#sealer = sealer;
  }

  /**
   * Takes the envelope of a link, `length` bytes whose ttl lies at `at`. True when the packet in it, behind
   * `transitHeaderLength` bytes, is for us; else it was passed on or dropped.
   */
  take(link: PeerEntry, at: number, length: number): boolean {
    const { shared, arena } = this.#c;
    if (length <= transitHeaderLength) drop(shared, Drop.short);
    else if (arena.u8[at] === 0) drop(shared, Drop['hops-exceeded']);
    else if (this.#isForUs(at + destinationAt)) return true;
    else this.#passOn(link, at, length);
    return false;
  }

  #passOn(link: PeerEntry, at: number, length: number): void {
    const { arena, links, options, shared, now } = this.#c;
    if (options.leaf) return drop(shared, Drop['no-route']);
    if (!links.admits(link.slot, length, now)) return drop(shared, Drop['transit-limited']);
    const hop = links.hop(at + destinationAt, -1);
    if (hop === null || hop === link) return drop(shared, Drop['no-route']);
    arena.u8[at] = (arena.u8[at] as number) - 1;
    if (!this.#sealer.pass(hop, at - 1, length + 1)) return;
    const { device } = shared;
    device[DeviceField.transitPackets] = (device[DeviceField.transitPackets] as number) + 1;
    device[DeviceField.transitBytes] = (device[DeviceField.transitBytes] as number) + length;
  }

  #isForUs(at: number): boolean {
    const { view } = this.#c.arena;
    const { self } = this.#c;
    return (
      view.getInt32(at) === view.getInt32(self) &&
      view.getInt32(at + 4) === view.getInt32(self + 4) &&
      view.getInt32(at + 8) === view.getInt32(self + 8) &&
      view.getInt32(at + 12) === view.getInt32(self + 12)
    );
  }

  /** An envelope or a flood came by this link, and tells as much of its path as a frame would. */
  count(link: PeerEntry, direct: boolean): void {
    const { peers } = this.#c.shared;
    const at = link.counters;
    const way = at + (direct ? PeerField.rxDirect : PeerField.rxRelayed);
    peers[at + PeerField.rxTransit] = (peers[at + PeerField.rxTransit] as number) + 1;
    peers[way] = (peers[way] as number) + 1;
    if (this.#c.stirred !== link) stir(this.#c, link);
  }
}
