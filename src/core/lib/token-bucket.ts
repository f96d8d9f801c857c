/** A rate with a burst. Knows no clock: the time is an argument. */

/** Tokens refill at `perSecond` up to `burst`. */
export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #at: number;

  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#level = burst;
    this.#at = nowMs;
  }

  /** Takes `n` tokens, or none and false. Infinite rates always pass. */
  take(n: number, nowMs: number): boolean {
    if (this.#perMs === Infinity) return true;
    this.#level = Math.min(this.#burst, this.#level + (nowMs - this.#at) * this.#perMs);
    this.#at = nowMs;
    if (this.#level < n) return false;
    this.#level -= n;
    return true;
  }

  /** True when nothing was taken for so long that the bucket says nothing any more. */
  full(nowMs: number): boolean {
    return this.#level + (nowMs - this.#at) * this.#perMs >= this.#burst;
  }
}
