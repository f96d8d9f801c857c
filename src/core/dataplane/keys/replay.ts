/**
 * Replay window of RFC 6479: a ring of bit blocks that slides with the highest counter seen, and never shifts.
 *
 * `check` before the tag is verified, `accept` after: a forged packet cannot move the window. Counters are
 * Numbers below 2^53. One block more than the window is kept, so that sliding clears whole blocks only.
 */
import type { HeldWindow } from '../plane/held.js';

const blockBits = 32;
const blocks = 256;
/** Words of a `HeldWindow`. */
export const windowWordsHeld = blocks;
const blockShift = 5;
const blockMask = blocks - 1;
const bitMask = blockBits - 1;
/** Counters behind the highest one that are still told apart; older ones are refused. */
export const windowSize = (blocks - 1) * blockBits;

export class ReplayWindow {
  readonly #ring = new Int32Array(blocks);
  /** Next expected counter: one more than the highest accepted. */
  #next = 0;

  /** One more than the highest accepted counter. */
  get next(): number {
    return this.#next;
  }

  /** True when the counter was not accepted before and is not older than the window. Changes nothing. */
  check(counter: number): boolean {
    if (counter >= this.#next) return true;
    if (counter < this.#next - windowSize) return false;
    // The ring's size divides 2^32, so 32 bits of the counter tell the place, and no division of doubles is needed.
    const low = counter | 0;
    return ((this.#ring[(low >>> blockShift) & blockMask] as number) & (1 << (low & bitMask))) === 0;
  }

  /** Marks the counter of an authentic packet; false (and no change) when `check` would say false. */
  accept(counter: number): boolean {
    const ring = this.#ring;
    const low = counter | 0;
    const block = (low >>> blockShift) & blockMask;
    if (counter >= this.#next) {
      // Blocks between the old and the new highest held bits of counters that are now out of the window.
      if (this.#next === 0 || counter - this.#next >= windowSize) {
        ring.fill(0);
      } else {
        const newest = ((this.#next - 1) | 0) >>> blockShift;
        for (let i = newest & blockMask; i !== block;) {
          i = (i + 1) & blockMask;
          ring[i] = 0;
        }
      }
      this.#next = counter + 1;
    } else if (counter < this.#next - windowSize) {
      return false;
    }
    const bit = 1 << (low & bitMask);
    const word = ring[block] as number;
    if ((word & bit) !== 0) return false;
    ring[block] = word | bit;
    return true;
  }

  /** Refuses every counter below `next`, for a receiver that lost its window: what is under way may be lost, nothing is replayed. */
  startAfter(next: number): void {
    this.#ring.fill(-1);
    this.#next = next;
    // Counters that share the newest block but were not seen yet must be free.
    const open = next % blockBits;
    if (next % blockBits !== 0) this.#ring[Math.floor(next / blockBits) % blocks] = ~(-1 << open);
  }

  /** What was accepted, for a window elsewhere that goes on with it: a copy. */
  held(): HeldWindow {
    return { next: this.#next, ring: this.#ring.slice() };
  }

  /** Goes on with what another window accepted. */
  restore(held: HeldWindow): void {
    this.#ring.set(held.ring);
    this.#next = held.next;
  }

  /** Forgets everything, for a new key. */
  reset(): void {
    this.#ring.fill(0);
    this.#next = 0;
  }
}
