/**
 * Whose floods are taken: genuine ones, new ones, and no more than one member may cause.
 *
 *   link's rate ─▶ seen before? ─▶ origin's rates ─▶ link's trust ─▶ signature ─▶ noted as seen
 *
 * Nothing is noted, and nothing charged to the origin, before its signature is verified: so nobody can claim another's
 * sequence numbers, or use up its budget. What a forgery costs (a verification) is charged to the link that brought it:
 * an honest member passes on only what it has verified. A link that brings many is not listened to for a while.
 */
import { TokenBuckets } from '../../lib/token-bucket.js';
import type { Arena } from '../../native/arena.js';
import { FloodAt, floodHeaderLength, SaidAt } from '../../wire/flood.js';
import type { PeerEntry } from '../loop/table.js';
import type { Uplink } from '../loop/uplink.js';
import { Drop, peerLimit } from '../plane/shared.js';
import type { HeldFloodWindow } from '../plane/held.js';
import type { FloodProof } from './proof.js';
import { FloodWindow, Seen } from './window.js';

/** Floods one origin may cause: plenty for multicast streams, little for a storm. */
const floodsPerSecond = 4_000;
const floodBurst = 8_000;
/** Packets with floods that one link may bring, whatever origins they name. */
const linkFloodsPerSecond = 4 * floodsPerSecond;
const linkFloodBurst = 4 * floodBurst;
/** Signatures of one origin that are verified: what flood/outbox.ts makes of so many floods, and a third more. */
const signaturesPerSecond = 300;
const signaturesBurst = 600;
/** Forgeries of one link that are looked at, and old floods before it is named. */
const forgeriesPerSecond = 5;
const forgeryBurst = 32;
const oldPerSecond = 1;
const oldBurst = 16;
/** A link is named this often. */
const nameEveryMs = 10_000;

/** `admit` lets it in. */
export const genuine = -1;

export class FloodGate {
  readonly #arena: Arena;
  readonly #proof: FloodProof;
  readonly #uplink: Uplink;
  /** Bucket 0 is our own, that of a peer is one above its slot. */
  readonly #floods = new TokenBuckets(1 + peerLimit, floodsPerSecond, floodBurst);
  readonly #linkFloods = new TokenBuckets(peerLimit, linkFloodsPerSecond, linkFloodBurst);
  readonly #signatures = new TokenBuckets(peerLimit, signaturesPerSecond, signaturesBurst);
  readonly #forgeries = new TokenBuckets(peerLimit, forgeriesPerSecond, forgeryBurst);
  readonly #old = new TokenBuckets(peerLimit, oldPerSecond, oldBurst);
  readonly #namedAt = new Float64Array(peerLimit).fill(-Infinity);
  /** By the origin's slot, from its first flood on. */
  readonly #windows: (FloodWindow | null)[] = new Array<FloodWindow | null>(peerLimit).fill(null);

  constructor(arena: Arena, proof: FloodProof, uplink: Uplink) {
    this.#arena = arena;
    this.#proof = proof;
    this.#uplink = uplink;
  }

  /** True when we may flood once more; it counts. */
  mayFlood(now: number): boolean {
    return this.#floods.take(0, 1, now);
  }

  /** True when the link may bring one more packet with a flood; it counts. */
  mayBring(link: PeerEntry, now: number): boolean {
    return this.#linkFloods.take(link.slot, 1, now);
  }

  /** True when the peer may send one more unicast packet for a group; it counts as its flood. */
  maySend(peer: PeerEntry, now: number): boolean {
    return this.#floods.take(1 + peer.slot, 1, now);
  }

  /**
   * Judges the flood at `at`, `length` bytes and of this depth (`floodDepth`), that claims to be of `origin`. `genuine`, and
   * then it is noted as seen; or the index of the reason to drop it.
   */
  admit(link: PeerEntry, origin: PeerEntry, at: number, length: number, depth: number, now: number): number {
    const { view } = this.#arena;
    const said = at + floodHeaderLength(depth) - SaidAt.inner;
    const epoch =
      view.getUint16(said + SaidAt.epoch) * 0x1_0000_0000 + view.getUint32(said + SaidAt.epoch + 2);
    const sequence = view.getUint32(said + SaidAt.sequence);
    const window = this.#windows[origin.slot] ?? null;
    const seen = window === null ? Seen.fresh : window.look(epoch, sequence);
    if (seen === Seen.before) return Drop['flood-duplicate'];
    if (seen === Seen.old) {
      if (!this.#old.take(link.slot, 1, now)) this.#name(link, 'flood-replayed', now);
      return Drop['flood-replayed'];
    }
    if (!this.#floods.has(1 + origin.slot, 1, now)) return Drop['flood-limited'];
    if (!this.#isGenuine(link, origin, at, said, at + length - said, depth, now)) return this.#refusal;
    this.#floods.take(1 + origin.slot, 1, now);
    (window ?? (this.#windows[origin.slot] = new FloodWindow())).note(epoch, sequence);
    return genuine;
  }

  /** Why `#isGenuine` said no. */
  #refusal = 0;

  #isGenuine(
    link: PeerEntry,
    origin: PeerEntry,
    at: number,
    said: number,
    length: number,
    depth: number,
    now: number,
  ): boolean {
    const proof = this.#proof;
    const { slot } = origin;
    this.#refusal = Drop['flood-forged'];
    if (!proof.climb(at, depth, said, length)) return false;
    if (depth > 0 && proof.remembered(slot, at + FloodAt.ttl)) return true;
    this.#refusal = Drop['flood-limited'];
    if (!this.#signatures.has(slot, 1, now) || !this.#forgeries.has(link.slot, 1, now)) return false;
    if (proof.verify(origin.publicKey, slot, at, depth)) {
      this.#signatures.take(slot, 1, now);
      return true;
    }
    this.#refusal = Drop['flood-forged'];
    this.#forgeries.take(link.slot, 1, now);
    this.#name(link, 'flood-forged', now);
    return false;
  }

  #name(link: PeerEntry, reason: 'flood-forged' | 'flood-replayed', now: number): void {
    if (now - (this.#namedAt[link.slot] as number) < nameEveryMs) return;
    this.#namedAt[link.slot] = now;
    this.#uplink.tell({ type: 'suspect', slot: link.slot, reason });
  }

  /** The floods that were seen, by origin. */
  held(): HeldFloodWindow[] {
    return this.#windows.flatMap((window, slot) => (window ? [window.held(slot)] : []));
  }

  /** Another process saw these before us. */
  restore(seen: readonly HeldFloodWindow[]): void {
    for (const held of seen) (this.#windows[held.slot] ??= new FloodWindow()).restore(held);
  }

  /** The slot will be somebody else's, with all that belongs to it. */
  forget(slot: number): void {
    this.#windows[slot] = null;
    this.#proof.forget(slot);
    this.#namedAt[slot] = -Infinity;
    for (const buckets of [this.#linkFloods, this.#signatures, this.#forgeries, this.#old])
      buckets.reset(slot);
    this.#floods.reset(1 + slot);
  }
}
