/**
 * A rate with a burst (RFC 2697 in its simplest form): tokens refill at `perSecond` up to `burst`. Knows no clock, the
 * time is an argument. One bucket, and many by number for the packet loops.
 */

export class TokenBucket {
  readonly #perMs: number;
  readonly #burst: number;
  #level: number;
  #at: number;

  /** Full at the beginning. */
  constructor(perSecond: number, burst: number, nowMs: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#level = burst;
    this.#at = nowMs;
  }

  /** Takes `n` tokens, or none and false. Infinite rates always pass. */
  take(n: number, nowMs: number): boolean {
    if (this.#perMs === Infinity) return true;
    this.#refill(nowMs);
    if (this.#level < n) return false;
    this.#level -= n;
    return true;
  }

  /** Takes `n` tokens that are spent already, also where there are fewer. Returns after how long none is missing, ms; below 0: none is. */
  spend(n: number, nowMs: number): number {
    this.#refill(nowMs);
    this.#level -= n;
    return -this.#level / this.#perMs;
  }

  /** True when nothing was taken for so long that the bucket says nothing any more. */
  full(nowMs: number): boolean {
    return this.#level + (nowMs - this.#at) * this.#perMs >= this.#burst;
  }

  #refill(nowMs: number): void {
    this.#level = Math.min(this.#burst, this.#level + (nowMs - this.#at) * this.#perMs);
    this.#at = nowMs;
  }
}

/** The same by number, in flat arrays: nothing is allocated or followed per packet, and infinite rates take no memory. */
export class TokenBuckets {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #level: Float64Array;
  readonly #at: Float64Array;

  /** Buckets 0 to `count` - 1, all full. */
  constructor(count: number, perSecond: number, burst: number) {
    this.#perMs = perSecond / 1000;
    this.#burst = burst;
    this.#level = new Float64Array(this.#perMs === Infinity ? 0 : count).fill(burst);
    this.#at = new Float64Array(this.#level.length);
  }

  /** Takes `n` tokens of a bucket, or none and false. Infinite rates always pass. */
  take(index: number, n: number, nowMs: number): boolean {
    if (this.#perMs === Infinity) return true;
    const grown = (this.#level[index] as number) + (nowMs - (this.#at[index] as number)) * this.#perMs;
    const level = grown > this.#burst ? this.#burst : grown;
    this.#at[index] = nowMs;
    if (level < n) {
      this.#level[index] = level;
      return false;
    }
    this.#level[index] = level - n;
    return true;
  }

  /** True when `take` would find `n` tokens: for what is paid only when it turns out well. */
  has(index: number, n: number, nowMs: number): boolean {
    if (this.#perMs === Infinity) return true;
    const grown = (this.#level[index] as number) + (nowMs - (this.#at[index] as number)) * this.#perMs;
    return Math.min(this.#burst, grown) >= n;
  }

  /** Fills a bucket: its number is somebody else's from now on. */
  reset(index: number): void {
    if (this.#perMs !== Infinity) this.#level[index] = this.#burst;
  }
}
