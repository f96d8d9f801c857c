/** Changes bytes as somebody would who knows how codecs are made: lengths, types, pieces of other messages, and chance. */
import { Dice } from '../../support/frame-changes.js';

/** Bytes at which codecs turn: ends of ranges, signs, lengths. */
const turning = [0, 1, 2, 4, 16, 32, 64, 127, 128, 192, 254, 255];

export class Mutator {
  readonly #dice: Dice;

  constructor(seed: number) {
    this.#dice = new Dice(seed);
  }

  below(n: number): number {
    return this.#dice.below(n);
  }

  of<T>(list: readonly T[]): T {
    return this.#dice.of(list);
  }

  random(limit: number): Uint8Array {
    const bytes = new Uint8Array(this.below(limit + 1));
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.below(256);
    return bytes;
  }

  /** One to four changes of a message of the corpus; now and then none, or nothing of it. */
  from(corpus: readonly Uint8Array[]): Uint8Array {
    if (corpus.length === 0 || this.below(20) === 0) return this.random(this.below(4) === 0 ? 1_500 : 80);
    let bytes: Uint8Array = this.of(corpus).slice();
    for (let changes = 1 + this.below(4); changes > 0; changes--) bytes = this.#change(bytes, corpus);
    return bytes;
  }

  #change(bytes: Uint8Array, corpus: readonly Uint8Array[]): Uint8Array {
    if (bytes.length === 0) return this.random(16);
    const at = this.below(bytes.length);
    const before = bytes[at] as number;
    switch (this.below(10)) {
      case 0:
        bytes[at] = before ^ (1 << this.below(8));
        return bytes;
      case 1:
        bytes[at] = this.of(turning);
        return bytes;
      case 2:
        bytes[at] = before + this.below(7) - 3;
        return bytes;
      case 3: {
        // A length or count of two bytes.
        const value = this.of([0, 1, bytes.length, bytes.length - at, 255, 256, 1400, 32_767, 65_535]);
        bytes[at] = value >> 8;
        if (at + 1 < bytes.length) bytes[at + 1] = value;
        return bytes;
      }
      case 4:
        return bytes.slice(0, at);
      case 5:
        return Uint8Array.from([...bytes.subarray(0, at), ...this.random(40), ...bytes.subarray(at)]);
      case 6:
        return Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + this.below(20))]);
      case 7: {
        const other = this.of(corpus);
        return Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(this.below(other.length + 1))]);
      }
      case 8: {
        const piece = bytes.subarray(at, at + 1 + this.below(64));
        return Uint8Array.from([...bytes.subarray(0, at), ...piece, ...bytes.subarray(at)]);
      }
      default:
        for (let i = at; i < Math.min(bytes.length, at + 1 + this.below(8)); i++) bytes[i] = this.below(256);
        return bytes;
    }
  }
}
