/**
 * A broadcast, multicast or frame for an unknown address on its way around the ring, signed by the member that began it.
 * Inside the session of a link; which kinds these are says packet.ts.
 *
 *   flood   0x23 | ttl 1 | flags 1 | bound 8 | signature 64 | place 1 | path 16 * depth | said
 *   said    origin node id 16 | epoch 6 | sequence 4 | inner plaintext: its kind 1, and what is of that kind
 *   part    0x24 | number 2 | which 1 | half of a flood that is too long for one packet, its kind left out
 *
 * What changes at every hop comes first, and no signature covers it: ttl, flags (bit 0 edge, bit 1 the receiver floods it
 * as its own, for a leaf) and bound, the first 8 bytes of the id that ends the arc.
 *
 * One signature is for up to 32 floods, those of one batch, which are the leaves of a binary hash tree:
 *
 *   leaf      = SHA-256(0x00 | said), its first 16 bytes
 *   node      = SHA-256(0x01 | left 16 | right 16), its first 16 bytes
 *   signature = Ed25519 of the origin's key for "evio flood 1" | root 16
 *
 *   place: bits 0 to 4 the number of the leaf, from the left; bits 5 to 7 the depth of the tree, 0 to 5
 *   path:  the nodes beside the way from the leaf up to the root; none for a flood that is signed alone
 *
 * epoch: ms since 1970 at which the origin began to count, by its clock; sequence counts from 0. Both together are used once.
 * A part's number tells its half from those of other floods; which: 0 the first, 1 the second. All integers big endian.
 */
import { nodeIdLength } from './packet.js';

export const FloodFlag = { edge: 1, handOver: 2 } as const;
/** What the first hop puts into ttl: a young ring without long links is walked member by member, and copies are told apart. */
export const floodTtl = 255;

/** Offsets from ttl on. */
export const FloodAt = { ttl: 0, flags: 1, bound: 2, signature: 10, place: 74, path: 75 } as const;
/** Offsets in `said`. */
export const SaidAt = {
  origin: 0,
  epoch: nodeIdLength,
  sequence: nodeIdLength + 6,
  inner: nodeIdLength + 10,
} as const;

export const digestLength = 16;
/** Floods that one signature is for. */
export const maxDepth = 5;
export const maxBatch = 1 << maxDepth;
/** Bytes of kind, number and which before a half. */
export const partHeaderLength = 4;

/** Bytes from ttl to the inner plaintext, in a tree of this depth. */
export function floodHeaderLength(depth: number): number {
  return FloodAt.path + digestLength * depth + SaidAt.inner;
}

/** Depth of a tree with room for so many leaves. */
export function depthOf(leaves: number): number {
  return leaves <= 1 ? 0 : 32 - Math.clz32(leaves - 1);
}

/**
 * Depth in the place of the flood of `length` bytes whose ttl lies at `at`; -1 when it is malformed: cut off, too deep, a
 * leaf that such a tree does not have, or an inner plaintext of less than two bytes. Reads only inside the flood.
 */
export function floodDepth(u8: Uint8Array, at: number, length: number): number {
  if (length < floodHeaderLength(0) + 2) return -1;
  const place = u8[at + FloodAt.place] as number;
  const depth = place >> 5;
  if (depth > maxDepth || (place & 0x1f) >= 1 << depth) return -1;
  return length < floodHeaderLength(depth) + 2 ? -1 : depth;
}
