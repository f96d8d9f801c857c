/**
 * Own floods until they are signed. A lone one is signed in the round that brought it. One signature is for all that
 * a round brought; when they come faster than signatures are made, they wait for each other, not longer than `waitMs`.
 *
 * Receivers hold every member to this pace (`signaturesPerSecond` and `signaturesBurst` of broadcast.ts are above it).
 */
import type { Arena } from '../../native/arena.js';
import { TokenBucket } from '../../lib/token-bucket.js';
import {
  depthOf,
  floodHeaderLength,
  maxBatch,
  maxDepth,
  partHeaderLength,
  SaidAt,
} from '../../wire/flood.js';
import { nodeIdLength } from '../../wire/packet.js';
import type { FloodProof } from './proof.js';

/** Batches that are not full: so many at once, and a second. Full ones are signed as they come. */
const signaturesPerSecond = 100;
const signaturesBurst = 32;
/** How long a flood waits for others at the most. */
export const waitMs = 20;
/** An epoch lasts this long, so that the next is right when a clock was put right. */
const epochMs = 60_000;
/** Room before the inner plaintext: kind, header of the deepest tree, and the head of a part in front of the ttl. */
const room = partHeaderLength + floodHeaderLength(maxDepth);
const capacity = 65_536;

export class FloodOutbox {
  readonly #arena: Arena;
  readonly #proof: FloodProof;
  readonly #self: number;
  /** Wall clock, ms since 1970. */
  readonly #date: () => number;
  readonly #at: number;
  readonly #inner = new Int32Array(maxBatch);
  readonly #lengths = new Int32Array(maxBatch);
  readonly #pace: TokenBucket;
  #count = 0;
  #used = 0;
  #since = Infinity;
  #epoch = -1;
  #sequence = 0;

  /** @param self offset of the own node id */
  constructor(arena: Arena, proof: FloodProof, self: number, date: () => number, now: number) {
    this.#arena = arena;
    this.#proof = proof;
    this.#self = self;
    this.#date = date;
    this.#at = arena.alloc(capacity);
    this.#pace = new TokenBucket(signaturesPerSecond, signaturesBurst, now);
  }

  get count(): number {
    return this.#count;
  }

  /** True when a flood with `length` bytes of inner plaintext finds no room before what waits is signed. */
  full(length: number): boolean {
    return this.#count === maxBatch || (this.#count > 0 && this.#used + room + length > capacity);
  }

  /** Copies an inner plaintext in. Longer ones than any frame of the interface are not for here. */
  put(plain: number, length: number, now: number): void {
    if (this.#count === 0) this.#since = now;
    const inner = this.#at + this.#used + room;
    this.#arena.u8.copyWithin(inner, plain, plain + length);
    this.#inner[this.#count] = inner;
    this.#lengths[this.#count] = length;
    this.#count++;
    this.#used += room + length;
  }

  /** True when what waits is to be signed now. */
  due(now: number): boolean {
    if (this.#count === 0) return false;
    return this.#pace.take(1, now) || now >= this.#since + waitMs;
  }

  /** When what waits is due at the latest; Infinity when nothing waits. */
  get deadline(): number {
    return this.#count === 0 ? Infinity : this.#since + waitMs;
  }

  /** Signs what waits: `at` and `length` give the floods then. False when OpenSSL failed. */
  sign(): boolean {
    const { u8, view } = this.#arena;
    this.#renew();
    const proof = this.#proof;
    const leaves = this.#count;
    for (let i = 0; i < leaves; i++) {
      const said = (this.#inner[i] as number) - SaidAt.inner;
      u8.copyWithin(said + SaidAt.origin, this.#self, this.#self + nodeIdLength);
      view.setUint16(said + SaidAt.epoch, Math.floor(this.#epoch / 0x1_0000_0000));
      view.setUint32(said + SaidAt.epoch + 2, this.#epoch % 0x1_0000_0000);
      view.setUint32(said + SaidAt.sequence, this.#sequence++);
      if (!proof.leaf(i, leaves, said, SaidAt.inner + (this.#lengths[i] as number))) return false;
    }
    if (!proof.sign(leaves)) return false;
    for (let i = 0; i < leaves; i++) proof.write(i, leaves, this.at(i, leaves));
    return true;
  }

  /** Offset of the ttl of flood number `i` of `leaves`. */
  at(i: number, leaves: number): number {
    return this.inner(i) - floodHeaderLength(depthOf(leaves));
  }

  /** Offset and length of the inner plaintext of number `i`. */
  inner(i: number): number {
    return this.#inner[i] as number;
  }

  innerLength(i: number): number {
    return this.#lengths[i] as number;
  }

  clear(): void {
    this.#count = 0;
    this.#used = 0;
    this.#since = Infinity;
  }

  /** Where our own floods have come to. */
  get counted(): { readonly epoch: number; readonly sequence: number } {
    return { epoch: this.#epoch, sequence: this.#sequence };
  }

  /** Another process has come so far: we go on behind it. */
  countFrom(epoch: number, sequence: number): void {
    this.#epoch = epoch;
    this.#sequence = sequence;
  }

  /** Begins to count anew now and then, and before the numbers are used up. */
  #renew(): void {
    const date = this.#date();
    if (this.#epoch >= 0 && date - this.#epoch < epochMs && this.#sequence < 0xffff_0000) return;
    this.#epoch = Math.max(this.#epoch + 1, date);
    this.#sequence = 0;
  }
}
