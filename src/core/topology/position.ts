/**
 * Arithmetic on the ring of node ids. A position is the upper 52 bits of an id as an integer in a double: exact, and
 * quick in the packet loop. Two ids share a position by chance once in 2^52; whoever must be certain compares ids.
 *
 *   clockwise is the direction of growing ids; the ring closes at 2^52.
 */

export const ringBits = 52;
/** Number of positions. */
export const ringSize = 2 ** ringBits;

function byte(id: Uint8Array, at: number): number {
  return id[at] as number;
}

/** Position of a node id (16 bytes, or at least 7). */
export function positionOf(id: Uint8Array, at = 0): number {
  // The packet loop asks: no closure that would be allocated.
  const high = ((byte(id, at) << 16) | (byte(id, at + 1) << 8) | byte(id, at + 2)) >>> 0;
  const low =
    ((byte(id, at + 3) << 20) |
      (byte(id, at + 4) << 12) |
      (byte(id, at + 5) << 4) |
      (byte(id, at + 6) >>> 4)) >>>
    0;
  return high * 0x1000_0000 + low;
}

/** Ids come again and again, in every table that names them. */
const remembered = new Map<string, number>();
const rememberedLimit = 16_384;

/** Position of an id in hexadecimal (at least 13 characters). */
export function positionOfText(idText: string): number {
  const known = remembered.get(idText);
  if (known !== undefined) return known;
  const position = parseInt(idText.slice(0, 13), 16);
  if (remembered.size >= rememberedLimit) remembered.clear();
  remembered.set(idText, position);
  return position;
}

/** Brings any integer that is less than one turn away onto the ring. */
export function wrap(position: number): number {
  if (position >= ringSize) return position - ringSize;
  return position < 0 ? position + ringSize : position;
}

/** Way from `from` to `to` in the direction of growing ids: 0 ... ringSize - 1. */
export function clockwise(from: number, to: number): number {
  return to >= from ? to - from : to - from + ringSize;
}

/** Shorter way between two positions: 0 ... ringSize / 2. */
export function distance(a: number, b: number): number {
  const d = a > b ? a - b : b - a;
  return d > ringSize / 2 ? ringSize - d : d;
}

/** True when `x` is strictly inside the arc from `from` clockwise to `to`. An arc from a position to itself is the whole ring without it. */
export function isInside(x: number, from: number, to: number): boolean {
  const way = clockwise(from, x);
  return way > 0 && (from === to || way < clockwise(from, to));
}
