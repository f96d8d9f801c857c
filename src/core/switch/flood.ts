/** How often one origin may cause floods, and what else comes by the piece. */

/** Token buckets, one per origin (RFC 2697 in its simplest form). Full at the beginning. */
export class RateLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #tokens: Float64Array;
  readonly #at: Float64Array;

  constructor(origins: number, perSecond: number, burst: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = new Float64Array(origins).fill(burst);
    this.#at = new Float64Array(origins);
  }

  /** Takes a token, or `cost` of them, of `origin`; false when there are not enough. */
  take(origin: number, now: number, cost = 1): boolean {
    const grown = (this.#tokens[origin] as number) + (now - (this.#at[origin] as number)) * this.#perMs;
    const tokens = grown > this.#burst ? this.#burst : grown;
    this.#at[origin] = now;
    if (tokens < cost) {
      this.#tokens[origin] = tokens;
      return false;
    }
    this.#tokens[origin] = tokens - cost;
    return true;
  }
}
