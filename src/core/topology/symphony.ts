/**
 * The arithmetic of Symphony (Manku, Bawa, Raghavan 2003): how many members there may be, how many long links to keep,
 * and how far away they should reach.
 */
import { ringSize, wrap } from './position.js';

/** Neighbours on the ring that a member is linked with, on each side. */
export const neighbourCount = 3;
/** Ring neighbours that a leaf, which is not on the ring itself, anchors to on each side. */
const anchorCount = 2;
/** Up to this many members everybody is linked with everybody, and stays so until there are this many. */
export const meshLimit = 16;
export const meshEnd = 20;

/**
 * Members on the ring, from how densely they sit around us: `gaps` gaps between neighbours cover `arc` positions.
 * Symphony, section 3.2: the reciprocal of the mean gap.
 */
export function estimateSize(gaps: number, arc: number): number {
  return arc <= 0 ? 1 : Math.max(1, (gaps * ringSize) / arc);
}

/**
 * Long links that a member of `size` draws for itself: with its successors they are log2 of the size, and the links that
 * others draw to it double that. Section 3.5: more links than that shorten routes by little.
 */
export function longLinkCount(size: number): number {
  return Math.max(1, Math.ceil(Math.log2(Math.max(2, size))) - neighbourCount);
}

/** Long links that others may draw to a member. */
export function inDegreeCap(size: number): number {
  return 2 * longLinkCount(size);
}

/**
 * A position for a long link, by the harmonic density 1 / (x ln n) on [1/n, 1]: x = n^(u - 1) for a uniform u.
 * The base is e. Evio published the same draw with log10 in place of ln, which sends far too many links far away; `log10`
 * is here so that the simulator can show it.
 */
export function drawPosition(self: number, size: number, u: number, base: 'ln' | 'log10' = 'ln'): number {
  const n = Math.max(2, size);
  const exponent = base === 'ln' ? Math.log(n) : Math.log10(n);
  const share = Math.exp(exponent * (u - 1));
  return wrap(self + Math.min(ringSize - 1, Math.max(1, Math.floor(share * ringSize))));
}

/** Links to the nearest on the ring that a member keeps on each side. */
export function perSide(leaf: boolean): number {
  return leaf ? anchorCount : neighbourCount;
}
