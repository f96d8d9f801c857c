/**
 * Joins the pieces of plaintexts that were too long for one packet of their path (wire/piece.ts).
 *
 * Memory is bounded for all peers together, and taken once: so many plaintexts may wait for pieces, so few of one peer, each
 * for a second. Who sends pieces that never become whole loses its own first. What comes late, twice, or to a plaintext that made
 * room is dropped and counted.
 */
import type { Arena } from '../../native/arena.js';
import { PieceAt, pieceHeaderLength, pieceOffset } from '../../wire/piece.js';
import { headroom } from '../loop/buffers.js';
import { drop, Drop, type SharedMemory } from '../plane/shared.js';

/** Plaintexts that wait: in all, and of one peer. Fewer in all where the MTU is large. */
const waitingLimit = 64;
const waitingOfPeer = 8;
/** Bytes of the arena, at the most: room for two plaintexts of any length is there in any case. */
export const joinerBytes = 160 * 1024;
/** A plaintext waits no longer: its frame would be late by then. */
const waitMs = 1_000;
/** The longest datagram of a handshake, which may lie in an envelope; and what may be around a frame of `mtu` bytes. */
const longestPacket = 1_400;
const around = 128;

/** The longest plaintext that is cut into pieces. */
export function longestWhole(mtu: number): number {
  return Math.max(mtu, longestPacket) + around;
}

export class Joiner {
  /** The kind byte of the plaintext that `take` made whole. There is room in front of it, and it lies there until the next `take`. */
  at = 0;
  readonly #arena: Arena;
  readonly #shared: SharedMemory;
  readonly #longest: number;
  readonly #places: number;
  readonly #stride: number;
  readonly #memory: number;
  /** Of each place: key and number of its plaintext, length, which pieces came (bits), how many lack. 0 lacking: it is free. */
  readonly #key: Int32Array;
  readonly #number: Int32Array;
  readonly #peer: Int32Array;
  readonly #shape: Int32Array;
  readonly #came: Int32Array;
  readonly #lacking: Int32Array;
  readonly #since: Float64Array;

  constructor(arena: Arena, shared: SharedMemory, mtu: number) {
    this.#arena = arena;
    this.#shared = shared;
    this.#longest = longestWhole(mtu);
    this.#stride = (headroom + this.#longest + 63) & ~63;
    this.#places = Math.min(waitingLimit, Math.max(2, Math.floor(joinerBytes / this.#stride)));
    this.#memory = arena.alloc(this.#places * this.#stride);
    const numbers = (): Int32Array => new Int32Array(this.#places);
    this.#key = numbers();
    this.#number = numbers();
    this.#peer = numbers();
    this.#shape = numbers();
    this.#came = numbers();
    this.#lacking = numbers();
    this.#since = new Float64Array(this.#places);
  }

  /**
   * Takes a piece of the peer in `slot`, `size` bytes whose kind lies at `at`, opened under the key with this local index.
   * Returns the length of the plaintext that it makes whole, which lies at `this.at`; 0 when that waits, or the piece was dropped.
   */
  take(slot: number, key: number, at: number, size: number, now: number): number {
    const { view, u8 } = this.#arena;
    const offset = pieceOffset(view, at, size, this.#longest);
    if (offset < 0) {
      drop(this.#shared, Drop['malformed-frame']);
      return 0;
    }
    const number = view.getInt32(at + PieceAt.number);
    const which = view.getUint8(at + PieceAt.which);
    const count = view.getUint8(at + PieceAt.count);
    const length = view.getUint16(at + PieceAt.length);
    const shape = (count << 16) | length;
    let place = this.#find(key | 0, number, shape, now);
    if (place < 0) {
      place = this.#room(slot, now);
      this.#key[place] = key | 0;
      this.#number[place] = number;
      this.#peer[place] = slot;
      this.#shape[place] = shape;
      this.#came[place] = 0;
      this.#lacking[place] = count;
      this.#since[place] = now;
    }
    const bit = 1 << which;
    const came = this.#came[place] as number;
    if ((came & bit) !== 0) {
      drop(this.#shared, Drop['piece-lost']);
      return 0;
    }
    const whole = this.#memory + place * this.#stride + headroom;
    u8.copyWithin(whole + offset, at + pieceHeaderLength, at + size);
    this.#came[place] = came | bit;
    this.#lacking[place] = (this.#lacking[place] as number) - 1;
    if (this.#lacking[place] !== 0) return 0;
    this.at = whole;
    return length;
  }

  #find(key: number, number: number, shape: number, now: number): number {
    for (let i = 0; i < this.#places; i++) {
      if (this.#number[i] !== number || this.#key[i] !== key || this.#lacking[i] === 0) continue;
      if (this.#shape[i] === shape && now - (this.#since[i] as number) < waitMs) return i;
    }
    return -1;
  }

  /** A place for another plaintext of this peer: a free one; else its own oldest where it has many, else anybody's. */
  #room(slot: number, now: number): number {
    let free = -1;
    let oldest = 0;
    let own = -1;
    let owned = 0;
    for (let i = 0; i < this.#places; i++) {
      const since = this.#since[i] as number;
      if (this.#lacking[i] !== 0 && now - since >= waitMs) this.#give(i);
      if (this.#lacking[i] === 0) {
        free = i;
        continue;
      }
      if (this.#lacking[oldest] === 0 || since < (this.#since[oldest] as number)) oldest = i;
      if (this.#peer[i] !== slot) continue;
      owned++;
      if (own < 0 || since < (this.#since[own] as number)) own = i;
    }
    if (free >= 0 && owned < waitingOfPeer) return free;
    const place = owned >= waitingOfPeer ? own : oldest;
    this.#give(place);
    return place;
  }

  /** Gives up what waits there: the pieces that came are lost. */
  #give(place: number): void {
    const count = (this.#shape[place] as number) >> 16;
    drop(this.#shared, Drop['piece-lost'], count - (this.#lacking[place] as number));
    this.#lacking[place] = 0;
  }
}
