/**
 * A replay window that several threads share without a lock: each counter below the window's age is accepted once,
 * whichever threads see it, and at whatever moment.
 *
 * The ring holds 8,192 counters, eight to a word. A word is the lap in which it was written last (24 bits) and the bits
 * of its eight counters in that lap:
 *
 *   counter    | lap .................... | word 10 | bit 3 |
 *   word       | lap 24 | bits 8 |
 *
 * To accept a counter is one compare-and-swap of its word: the same lap gains a bit, an older lap gives way, a newer one
 * refuses. So there is no sliding, and nothing that two threads must do in one order, but this: the highest lap is raised
 * before the word is changed. A counter more than one lap behind it is refused, so a word is never more than a lap newer
 * than what is asked of it, and 24 bits of lap always tell older from newer: they would mistake each other after 2^36
 * counters in which not one of eight neighbours arrived, while a key lives for less than 2^37.
 */
import type { HeldWindow } from '../plane/held.js';
import { ReplayWindow, windowSize } from './replay.js';

const bitsPerWord = 8;
const words = 1_024;
/** Counters of one lap: what is less than this behind the highest one is told apart. */
export const lapLength = words * bitsPerWord;
/** 32-bit words that one window takes: the ring, and the highest lap. */
export const windowWords = words + 1;

export class SharedWindow {
  readonly #memory: Int32Array;
  readonly #at: number;

  /** Over `windowWords` words of shared memory from `at` on, which are zero for a new key. */
  constructor(memory: Int32Array, at: number) {
    this.#memory = memory;
    this.#at = at;
  }

  /** False when the counter was accepted before, or is too old. Changes nothing. */
  check(counter: number): boolean {
    const lap = Math.floor(counter / lapLength) | 0;
    if (((lap - Atomics.load(this.#memory, this.#at + words)) | 0) < -1) return false;
    const word = Atomics.load(this.#memory, this.#at + ((counter >>> 3) & (words - 1)));
    const ahead = ((lap << 8) - (word & ~0xff)) | 0;
    return ahead > 0 || (ahead === 0 && (word & (1 << (counter & 7))) === 0);
  }

  /** Marks the counter of an authentic packet: true for one thread, once. */
  accept(counter: number): boolean {
    const memory = this.#memory;
    const lap = Math.floor(counter / lapLength) | 0;
    const high = this.#at + words;
    for (;;) {
      const highest = Atomics.load(memory, high);
      const behind = (highest - lap) | 0;
      if (behind > 1) return false;
      if (behind >= 0 || Atomics.compareExchange(memory, high, highest, lap) === highest) break;
    }
    const at = this.#at + ((counter >>> 3) & (words - 1));
    const bit = 1 << (counter & 7);
    for (;;) {
      const word = Atomics.load(memory, at);
      const ahead = ((lap << 8) - (word & ~0xff)) | 0;
      if (ahead < 0 || (ahead === 0 && (word & bit) !== 0)) return false;
      const next = ahead === 0 ? word | bit : (lap << 8) | bit;
      if (Atomics.compareExchange(memory, at, word, next) === word) return true;
    }
  }

  /** What was accepted, in the form of the window of one thread. Only while no thread uses the key. */
  held(): HeldWindow {
    const window = new ReplayWindow();
    const memory = this.#memory;
    const highest = memory[this.#at + words] as number;
    // The older lap first: the window slides with what it accepts.
    for (const lap of [highest - 1, highest]) {
      for (let word = 0; lap >= 0 && word < words; word++) {
        const found = memory[this.#at + word] as number;
        if ((found & ~0xff) !== lap << 8) continue;
        for (let bit = 0; bit < bitsPerWord; bit++)
          if ((found & (1 << bit)) !== 0) window.accept(lap * lapLength + word * bitsPerWord + bit);
      }
    }
    return window.held();
  }

  /** Goes on with what a window accepted. Only for an empty one that no thread has yet. */
  restore(held: HeldWindow): void {
    if (held.next === 0) return;
    const window = new ReplayWindow();
    window.restore(held);
    // What is too old for that window would not be for this one: all of it counts as accepted.
    const oldest = Math.max(0, held.next - windowSize);
    const lap = Math.floor((held.next - 1) / lapLength);
    this.accept(held.next - 1);
    for (let counter = Math.max(0, (lap - 1) * lapLength); counter < held.next - 1; counter++)
      if (counter < oldest || !window.check(counter)) this.accept(counter);
  }
}
