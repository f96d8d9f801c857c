/**
 * Pieces of a plaintext that is longer than one packet of the path: each is sealed as a packet of its own, and the other end
 * of the path joins them before it looks at what they say. Kind 0x25 of packet.ts.
 *
 *   piece   0x25 | number 4 | which 1 | count 1 | length 2 | bytes          big endian
 *
 * number: of the plaintext that was cut; no other under the same key has it. count: 2 to 32 pieces; which: from 0. length: of
 * the whole plaintext, its kind included. Each piece has ceil(length / count) bytes, the last one what is left: where a
 * piece belongs follows from its head, so pieces cannot overlap.
 */
import { Kind } from './packet.js';

/** Bytes of a piece before its part of the plaintext, the kind included. */
export const pieceHeaderLength = 9;
/** Pieces of one plaintext. */
export const maxPieces = 32;

/** Offsets from the kind byte on. */
export const PieceAt = { number: 1, which: 5, count: 6, length: 7 } as const;

/** Bytes of each piece but the last. */
export function pieceSize(length: number, count: number): number {
  return Math.ceil(length / count);
}

/** How many packets of up to `limit` bytes of plaintext a plaintext of `length` bytes needs; 0 when that cannot be done. */
export function piecesFor(length: number, limit: number): number {
  const room = limit - pieceHeaderLength;
  if (room < maxPieces || length > 0xffff) return 0;
  const count = Math.ceil(length / room);
  return count > maxPieces ? 0 : Math.max(2, count);
}

/** Writes the head of a piece, its kind at `at`. */
export function writePieceHead(
  view: DataView,
  at: number,
  number: number,
  which: number,
  count: number,
  length: number,
): void {
  view.setUint8(at, Kind.piece);
  view.setInt32(at + PieceAt.number, number);
  view.setUint8(at + PieceAt.which, which);
  view.setUint8(at + PieceAt.count, count);
  view.setUint16(at + PieceAt.length, length);
}

/**
 * Where the bytes of the piece belong in their plaintext: the piece's kind lies at `at`, and it has `size` bytes, head and
 * all. -1 when its numbers do not agree, or the plaintext would be longer than `longest`. Reads only inside the piece.
 */
export function pieceOffset(view: DataView, at: number, size: number, longest: number): number {
  if (size <= pieceHeaderLength) return -1;
  const which = view.getUint8(at + PieceAt.which);
  const count = view.getUint8(at + PieceAt.count);
  const length = view.getUint16(at + PieceAt.length);
  if (count < 2 || count > maxPieces || which >= count || length > longest) return -1;
  const each = pieceSize(length, count);
  const offset = which * each;
  // No piece is empty.
  if (length <= (count - 1) * each) return -1;
  const expected = which === count - 1 ? length - offset : each;
  return size - pieceHeaderLength === expected ? offset : -1;
}
