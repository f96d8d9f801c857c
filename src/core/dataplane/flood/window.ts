/**
 * Which floods of one origin were seen: an epoch, and a window of sequence numbers in it (RFC 6479). Told from each other
 * are what is new, what came before (a copy over another link, while the ring changes) and what is older than the window,
 * or of an earlier epoch: somebody sends it again. A newer epoch starts the window anew.
 */

import type { HeldFloodWindow } from '../plane/held.js';

/** How far sequence numbers may overtake each other: 0.25 s of the most that one origin may flood. */
export const windowBits = 1_024;
/** One more than the window fills: the newest word must not be the oldest too. */
export const windowWords = windowBits / 32 + 1;
const words = windowWords;

export const Seen = { fresh: 0, before: 1, old: 2 } as const;
export type Seen = (typeof Seen)[keyof typeof Seen];

export class FloodWindow {
  readonly #bits = new Int32Array(words);
  #epoch = -1;
  /** Highest sequence noted. */
  #top = -1;

  /** `epoch` and `sequence` are whole numbers of at most 48 and 32 bits. */
  look(epoch: number, sequence: number): Seen {
    if (epoch !== this.#epoch) return epoch > this.#epoch ? Seen.fresh : Seen.old;
    if (sequence > this.#top) return Seen.fresh;
    if (sequence <= this.#top - windowBits) return Seen.old;
    return ((this.#bits[(sequence >>> 5) % words] as number) & (1 << (sequence & 31))) === 0
      ? Seen.fresh
      : Seen.before;
  }

  /** What was seen, for another window that goes on with it: a copy. */
  held(slot: number): HeldFloodWindow {
    return { slot, epoch: this.#epoch, top: this.#top, bits: this.#bits.slice() };
  }

  restore({ epoch, top, bits }: HeldFloodWindow): void {
    this.#epoch = epoch;
    this.#top = top;
    this.#bits.set(bits);
  }

  /** Notes what `look` found fresh, once it is known to be genuine. */
  note(epoch: number, sequence: number): void {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#bits.fill(0);
      this.#top = sequence;
    } else if (sequence > this.#top) {
      const from = Math.floor(this.#top / 32);
      const steps = Math.min(words, Math.floor(sequence / 32) - from);
      for (let i = 1; i <= steps; i++) this.#bits[(from + i) % words] = 0;
      this.#top = sequence;
    }
    const word = (sequence >>> 5) % words;
    this.#bits[word] = (this.#bits[word] as number) | (1 << (sequence & 31));
  }
}
