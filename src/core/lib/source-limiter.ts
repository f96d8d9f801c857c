/** A rate for each of many sources (addresses, members), in bounded memory. */
import { TokenBucket } from './token-bucket.js';

/** One token bucket a source. A source whose bucket is full again is forgotten, which changes nothing for it. */
export class SourceLimiter {
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #limit: number;
  /** In order of last use, so that the first is the quietest. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** @param limit sources remembered; when there are more, the one that was quiet longest is forgotten all the same */
  constructor(perSecond: number, burst: number, limit: number) {
    this.#perSecond = perSecond;
    this.#burst = burst;
    this.#limit = limit;
  }

  /** Sources remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes a token of this source; false when it has none left. */
  take(source: string, nowMs: number): boolean {
    let bucket = this.#buckets.get(source);
    if (bucket) {
      this.#buckets.delete(source); // and put at the end
    } else {
      this.#forget(nowMs);
      bucket = new TokenBucket(this.#perSecond, this.#burst, nowMs);
    }
    this.#buckets.set(source, bucket);
    return bucket.take(1, nowMs);
  }

  #forget(nowMs: number): void {
    for (const [source, bucket] of this.#buckets) {
      if (this.#buckets.size < this.#limit && !bucket.full(nowMs)) return;
      this.#buckets.delete(source);
    }
  }
}
