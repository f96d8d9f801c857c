/**
 * Floods that are too long for one packet of a link: with its signature a full frame is. They travel in two halves of the
 * same length, which the other end of the link joins before it looks at what they say. A link has one half waiting.
 */
import type { Arena } from '../../native/arena.js';
import { ethernetHeaderLength, vlanTagLength } from '../../wire/ethernet.js';
import { floodHeaderLength, maxDepth, partHeaderLength } from '../../wire/flood.js';
import {
  dataHeaderLength,
  Kind,
  relayHeaderLength,
  tagLength,
  transitHeaderLength,
} from '../../wire/packet.js';
import { headroom } from '../loop/buffers.js';
import { peerLimit } from '../plane/shared.js';

/** Kind bytes of an inner plaintext, at the most. */
const innerKind = 5;
/** Bytes of a frame beyond the MTU. */
const frameOverhead = ethernetHeaderLength + 2 * vlanTagLength;

/** Longest plaintext, kind included, of a flood in one packet: as long as the longest packet for another member, by a relay. */
export function onePacket(mtu: number): number {
  const frame = 1 + ethernetHeaderLength + vlanTagLength + mtu;
  const envelope = dataHeaderLength + 1 + transitHeaderLength + tagLength;
  return frame + envelope - relayHeaderLength;
}

/** The half of a flood that came first. */
interface Half {
  readonly bytes: Uint8Array;
  number: number;
  which: number;
  /** 0: none waits. */
  length: number;
}

export class FloodParts {
  readonly #arena: Arena;
  readonly #limit: number;
  readonly #whole: number;
  /** By the link's slot. Made when a link sends the first, and kept while it is there. */
  readonly #halves: (Half | null)[] = new Array<Half | null>(peerLimit).fill(null);
  #number = 0;

  constructor(arena: Arena, mtu: number) {
    this.#arena = arena;
    this.#limit = Math.ceil((floodHeaderLength(maxDepth) + innerKind + frameOverhead + mtu) / 2);
    this.#whole = arena.alloc(headroom + 2 * this.#limit) + headroom;
  }

  /** The ttl of the flood that `join` made. */
  get at(): number {
    return this.#whole;
  }

  /** A number for the next flood that is sent in halves. */
  next(): number {
    this.#number = (this.#number + 1) & 0xffff;
    return this.#number;
  }

  /** Writes the head of a part in front of the half at `at`, over what is there. */
  write(at: number, number: number, which: 0 | 1): void {
    const { u8 } = this.#arena;
    u8[at - 4] = Kind.floodPart;
    u8[at - 3] = number >> 8;
    u8[at - 2] = number & 0xff;
    u8[at - 1] = which;
  }

  /** Longest half that is taken. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Takes a part of the link in `slot`, `length` bytes behind its kind byte, which must not be more than `limit` and its
   * head. Returns the length of the flood that it completes, which lies at `at` until the next call; 0 when it waits.
   */
  join(slot: number, at: number, length: number): number {
    const { u8 } = this.#arena;
    const number = ((u8[at] as number) << 8) | (u8[at + 1] as number);
    const which = (u8[at + 2] as number) & 1;
    const from = at + partHeaderLength - 1;
    const size = length - partHeaderLength + 1;
    let half = this.#halves[slot] ?? null;
    if (half === null)
      half = this.#halves[slot] = { bytes: new Uint8Array(this.#limit), number, which, length: 0 };
    if (half.length === 0 || half.number !== number || half.which === which) {
      for (let i = 0; i < size; i++) half.bytes[i] = u8[from + i] as number;
      half.number = number;
      half.which = which;
      half.length = size;
      return 0;
    }
    const waited = half.length;
    const [mine, other] = which === 0 ? [0, size] : [waited, 0];
    u8.copyWithin(this.#whole + mine, from, from + size);
    for (let i = 0; i < waited; i++) u8[this.#whole + other + i] = half.bytes[i] as number;
    half.length = 0;
    return waited + size;
  }

  /** The peer in this slot goes. */
  forget(slot: number): void {
    this.#halves[slot] = null;
  }
}
