/**
 * Who began a flood: makes and checks the hash tree and the signature of wire/flood.ts, in the arena.
 *
 * Of a batch the first flood that comes has its signature verified; the root that it proves is remembered, and the others
 * cost hashes only. The signature itself is compared too, so that nothing is passed on that the next would refuse.
 */
import type { Arena } from '../../native/arena.js';
import { Ed25519, ed25519SignatureLength } from '../../native/ed25519.js';
import { Sha256, sha256Length } from '../../native/sha256.js';
import { depthOf, digestLength, FloodAt, maxBatch } from '../../wire/flood.js';

const label = new TextEncoder().encode('evio flood 1');
/** Prefixes of what is hashed, so that no node passes for a leaf. */
const leafPrefix = 0;
const nodePrefix = 1;
/** Roots that are remembered: of the batches of the last seconds, with many members that flood much at a time. */
const roots = 256;
/** Signature and root, and whose they are: a slot beside it. */
const rootStride = ed25519SignatureLength + digestLength;

export class FloodProof {
  readonly #arena: Arena;
  readonly #sha: Sha256;
  readonly #ed: Ed25519;
  /** Nodes by their number in the tree, the root is 1: room for the children of the deepest. */
  readonly #tree: number;
  /** Prefix and what is hashed with it, when that is nodes. */
  readonly #pair: number;
  readonly #hash: number;
  /** Label and root. */
  readonly #message: number;
  readonly #signature: number;
  readonly #rootsAt: number;
  readonly #rootSlots = new Int32Array(roots).fill(-1);

  /** @param seed the secret of the own key, 32 bytes; it is copied into OpenSSL */
  constructor(arena: Arena, seed: Uint8Array) {
    this.#arena = arena;
    this.#sha = new Sha256(arena);
    this.#ed = new Ed25519(arena, seed);
    this.#tree = arena.alloc(2 * maxBatch * digestLength);
    this.#pair = arena.alloc(1 + 2 * digestLength);
    this.#hash = arena.alloc(sha256Length);
    this.#message = arena.alloc(label.length + digestLength);
    this.#signature = arena.alloc(ed25519SignatureLength);
    this.#rootsAt = arena.alloc(roots * rootStride);
    arena.u8.set(label, this.#message);
    arena.u8[this.#pair] = nodePrefix;
  }

  /**
   * Hashes what flood number `i` of a batch says, `length` bytes at `said`. The byte in front of them is used, and put back.
   * False when OpenSSL failed.
   */
  leaf(i: number, leaves: number, said: number, length: number): boolean {
    return this.#leaf(said, length, this.#node((1 << depthOf(leaves)) + i));
  }

  /** Signs the batch whose leaves are there. False when OpenSSL failed. */
  sign(leaves: number): boolean {
    const { u8 } = this.#arena;
    const width = 1 << depthOf(leaves);
    u8.fill(0, this.#node(width + leaves), this.#node(2 * width));
    for (let i = width - 1; i > 0; i--) {
      u8.copyWithin(this.#pair + 1, this.#node(2 * i), this.#node(2 * i + 2));
      if (!this.#hashPair(this.#node(i))) return false;
    }
    return this.#signRoot();
  }

  /** Writes signature, place and path of flood number `i` of the signed batch into the flood whose ttl lies at `at`. */
  write(i: number, leaves: number, at: number): void {
    const { u8 } = this.#arena;
    const depth = depthOf(leaves);
    u8.copyWithin(at + FloodAt.signature, this.#signature, this.#signature + ed25519SignatureLength);
    u8[at + FloodAt.place] = (depth << 5) | i;
    let to = at + FloodAt.path;
    for (let node = (1 << depth) + i; node > 1; node >>= 1) {
      u8.copyWithin(to, this.#node(node ^ 1), this.#node(node ^ 1) + digestLength);
      to += digestLength;
    }
  }

  /**
   * Finds the root that the flood at `at` leads to; `said`, `length` bytes, is what it says. False when OpenSSL failed.
   * `remembered` and `verify` are about it then.
   */
  climb(at: number, depth: number, said: number, length: number): boolean {
    const { u8 } = this.#arena;
    if (!this.#leaf(said, length, this.#node(1))) return false;
    let node = u8[at + FloodAt.place] as number;
    for (let level = 0; level < depth; level++) {
      const left = this.#pair + 1;
      const beside = at + FloodAt.path + level * digestLength;
      const own = left + (node & 1) * digestLength;
      const other = left + (1 - (node & 1)) * digestLength;
      u8.copyWithin(own, this.#node(1), this.#node(1) + digestLength);
      u8.copyWithin(other, beside, beside + digestLength);
      if (!this.#hashPair(this.#node(1))) return false;
      node >>= 1;
    }
    return true;
  }

  /** True when the same signature for the root that `climb` found was verified for the peer in `slot`. */
  remembered(slot: number, at: number): boolean {
    const cell = this.#cell();
    if (this.#rootSlots[cell] !== slot) return false;
    const { u8 } = this.#arena;
    const known = this.#rootsAt + cell * rootStride;
    const signature = at + FloodAt.signature;
    for (let i = 0; i < ed25519SignatureLength; i++) if (u8[known + i] !== u8[signature + i]) return false;
    const root = this.#node(1);
    const rootAt = known + ed25519SignatureLength;
    for (let i = 0; i < digestLength; i++) if (u8[rootAt + i] !== u8[root + i]) return false;
    return true;
  }

  /**
   * Verifies the signature of the flood at `at` for the root that `climb` found, and remembers both for `slot` when it is
   * one of a batch.
   */
  verify(publicKey: Uint8Array, slot: number, at: number, depth: number): boolean {
    const { u8 } = this.#arena;
    const root = this.#node(1);
    const signature = at + FloodAt.signature;
    u8.copyWithin(this.#message + label.length, root, root + digestLength);
    if (!this.#ed.verify(publicKey, signature, this.#message, label.length + digestLength)) return false;
    if (depth > 0) {
      const cell = this.#cell();
      const known = this.#rootsAt + cell * rootStride;
      this.#rootSlots[cell] = slot;
      u8.copyWithin(known, signature, signature + ed25519SignatureLength);
      u8.copyWithin(known + ed25519SignatureLength, root, root + digestLength);
    }
    return true;
  }

  /** The slot will be somebody else's. */
  forget(slot: number): void {
    for (let i = 0; i < roots; i++) if (this.#rootSlots[i] === slot) this.#rootSlots[i] = -1;
  }

  /** Wipes and frees the key. */
  close(): void {
    this.#sha.close();
    this.#ed.close();
  }

  #node(i: number): number {
    return this.#tree + i * digestLength;
  }

  #cell(): number {
    return this.#arena.u8[this.#node(1)] as number;
  }

  #leaf(said: number, length: number, to: number): boolean {
    const { u8 } = this.#arena;
    const before = u8[said - 1] as number;
    u8[said - 1] = leafPrefix;
    const done = this.#sha.digest(said - 1, length + 1, this.#hash);
    u8[said - 1] = before;
    u8.copyWithin(to, this.#hash, this.#hash + digestLength);
    return done;
  }

  #hashPair(to: number): boolean {
    const done = this.#sha.digest(this.#pair, 1 + 2 * digestLength, this.#hash);
    this.#arena.u8.copyWithin(to, this.#hash, this.#hash + digestLength);
    return done;
  }

  #signRoot(): boolean {
    const root = this.#node(1);
    this.#arena.u8.copyWithin(this.#message + label.length, root, root + digestLength);
    return this.#ed.sign(this.#message, label.length + digestLength, this.#signature);
  }
}
