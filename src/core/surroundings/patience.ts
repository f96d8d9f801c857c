/** How long a router is left alone that did not do what it was asked: not long at first, for it may only be starting. */

const firstMs = 30_000;
export const longestMs = 900_000;
/** However often a mapping is doubted, from one question, or the end of an unanswered one, to the next, ms. */
export const doubtMs = 5_000;
/** The same, where peers do not come by it, which may be their fault. */
export const missedMs = 30_000;

export class Patience {
  #waitMs = firstMs;

  /** Until it is asked again, ms; twice as long each time, up to a quarter of an hour. */
  next(): number {
    const waitMs = this.#waitMs;
    this.#waitMs = Math.min(2 * waitMs, longestMs);
    return waitMs;
  }

  /** It did what it was asked, or is another one. */
  reset(): void {
    this.#waitMs = firstMs;
  }
}
