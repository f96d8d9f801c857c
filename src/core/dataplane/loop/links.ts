/**
 * The links of the overlay as the packet loop uses them: which peer is the next hop to a place on the ring, and who
 * gets copies of broadcasts.
 *
 * The control thread says what the links are; of these only the ones that can be sent to at this moment count, so a link
 * that lost its key or path is gone around at once. A peer that is itself reached through members is never a next hop.
 */
import type { Arena } from '../../native/arena.js';
import { BoundedFlood } from '../../switch/bounded-flood.js';
import { TokenBuckets } from '../../lib/token-bucket.js';
import { positionOf } from '../../topology/position.js';
import { nowhere, Router } from '../../topology/router.js';
import type { PlaneLink } from '../plane/plane.js';
import type { Hops } from './route.js';
import { peerLimit } from '../plane/shared.js';
import type { PeerEntry, Tables } from './table.js';

/** Bytes a second that one link may have us pass on, and at once: more than one core moves. */
const transitPerSecond = 400_000_000;
const transitBurst = 100_000_000;
/** What costs is the packet: one below `tiny` bytes is charged this much more, so that a flood of them is cut at 64 000 a second. */
const tiny = 512;
const tinySurcharge = 6_000;
/** Destinations whose next hop is remembered. */
const cacheSize = 256;
const noHop = -2;

export class Links implements Hops {
  /** Walk it to flood: only links that can be sent to are in it. */
  readonly flood: BoundedFlood;
  /** Every member has a peer here: nobody else could own an unknown address. */
  complete = false;
  /** Slot of the link that floods for us when we are a leaf, or -1. */
  anchor = -1;
  readonly #arena: Arena;
  readonly #tables: Tables;
  readonly #router: Router;
  readonly #transit = new TokenBuckets(peerLimit, transitPerSecond, transitBurst);
  /** Called with the links that can be sent to, when these or their parts may have changed. */
  changed: (usable: readonly (PlaneLink & { readonly position: number })[]) => void = () => undefined;
  #links: readonly PlaneLink[] = [];
  #usable: readonly PlaneLink[] = [];
  /** By the first 8 bytes of a node id: a position as a number would have to be boxed on its way through here. */
  readonly #cacheHigh = new Int32Array(cacheSize);
  readonly #cacheLow = new Int32Array(cacheSize);
  readonly #cacheSlot = new Int32Array(cacheSize).fill(noHop);

  /** @param self own position on the ring */
  constructor(arena: Arena, tables: Tables, self: number, leaf: boolean) {
    this.#arena = arena;
    this.#tables = tables;
    this.#router = new Router(self, leaf);
    this.flood = new BoundedFlood(self);
  }

  set(links: readonly PlaneLink[], complete: boolean): void {
    this.complete = complete;
    this.#links = links;
    this.#rebuild();
  }

  /** Its key or path may have come or gone. */
  refresh(slot: number): void {
    const link = this.#links.find((l) => l.slot === slot);
    if (link && this.#usable.includes(link) !== this.#reachable(slot)) this.#rebuild();
  }

  /** The peer goes, and is no link any more. */
  forget(slot: number): void {
    const rest = this.#links.filter((link) => link.slot !== slot);
    if (rest.length === this.#links.length) return;
    this.#links = rest;
    this.#rebuild();
  }

  #reachable(slot: number): boolean {
    return this.#tables.peers[slot]?.reachable ?? false;
  }

  #rebuild(): void {
    const usable = this.#links.filter((link) => this.#reachable(link.slot));
    this.#usable = usable;
    this.#cacheSlot.fill(noHop);
    const position = (link: PlaneLink): number => this.#tables.peers[link.slot]?.position ?? 0;
    this.#router.set(
      usable.map((link) => ({
        port: link.slot,
        position: position(link),
        forwards: link.forwards,
        reaches: link.reaches,
      })),
    );
    this.flood.set(
      usable.flatMap((link) =>
        link.flood === 'none' ? [] : [{ port: link.slot, position: position(link), flood: link.flood }],
      ),
    );
    this.anchor = usable.find((link) => link.flood === 'range')?.slot ?? -1;
    this.changed(usable.map((link) => ({ ...link, position: position(link) })));
  }

  has(via: number): boolean {
    return via < 0 ? this.#usable.length > 0 : this.#reachable(via);
  }

  /** The next hop towards the node whose id lies at `at`, or to `via` when that is not negative; null when there is none. */
  hop(at: number, via: number): PeerEntry | null {
    const slot = via < 0 ? this.#nextHop(at) : via;
    if (slot === nowhere) return null;
    const peer = this.#tables.peers[slot] ?? null;
    return peer?.reachable === true ? peer : null;
  }

  #nextHop(at: number): number {
    const { view, u8 } = this.#arena;
    const high = view.getInt32(at);
    const low = view.getInt32(at + 4);
    const cell = (low ^ (low >>> 12) ^ high) & (cacheSize - 1);
    if (this.#cacheHigh[cell] === high && this.#cacheLow[cell] === low && this.#cacheSlot[cell] !== noHop)
      return this.#cacheSlot[cell] as number;
    const slot = this.#router.nextHop(positionOf(u8, at));
    this.#cacheHigh[cell] = high;
    this.#cacheLow[cell] = low;
    this.#cacheSlot[cell] = slot;
    return slot;
  }

  /** True when the peer is a leaf that we anchor. */
  anchors(slot: number): boolean {
    return this.#links.some((link) => link.slot === slot && link.flood === 'copy');
  }

  /** True when the link may have us pass on a packet of this many bytes. */
  admits(slot: number, bytes: number, now: number): boolean {
    return this.#transit.take(slot, bytes < tiny ? bytes + tinySurcharge : bytes, now);
  }
}
