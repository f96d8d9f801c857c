/**
 * What the relay does for a datagram that its sender did not prove itself with: a STUN answer, the check of a bind, a
 * hint. Members come before strangers: an address at which a member was met, by TCP or by a bind, has a budget of its own;
 * all others share one, in which each source has a bound, so that a flood from ten thousand forged addresses takes from
 * strangers what they had, and from members nothing.
 *
 * Nothing here is evicted, so nobody can have anybody evicted: known sources are as many as there are associations, and
 * strangers share cells, by a hash that nobody outside knows. No I/O; a source is a number (`forward-table.ts`).
 */
import { TokenBucket, TokenBuckets } from '../../core/lib/token-bucket.js';
import type { RelayDrop } from '../counters.js';

/** What is asked of the relay. Each costs 10 to 40 µs. */
export type Errand = 'stun' | 'verify' | 'hint';

interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** One known source; behind one address of a provider there may be a thousand members, with a keep-alive each. */
const memberRate: Rate = { perSecond: 400, burst: 800 };
/** All known sources: what is forged in the name of members must not take the thread either. */
const membersRate: Readonly<Record<Errand, Rate>> = {
  stun: { perSecond: 10_000, burst: 2_500 },
  verify: { perSecond: 10_000, burst: 2_500 },
  hint: { perSecond: 1_000, burst: 1_000 },
};
/** One stranger, and all. */
const strangerRate: Rate = { perSecond: 20, burst: 40 };
const strangersRate: Readonly<Record<Errand, Rate>> = {
  stun: { perSecond: 2_000, burst: 500 },
  verify: { perSecond: 2_000, burst: 500 },
  hint: { perSecond: 100, burst: 100 },
};
const strangerCells = 4_096;

/** Addresses at which members were met, each as often as it was told. */
export class KnownSources {
  readonly #sources = new Map<number, { refs: number; readonly bucket: TokenBucket }>();

  get size(): number {
    return this.#sources.size;
  }

  add(source: number): void {
    const known = this.#sources.get(source);
    if (known) known.refs++;
    else this.#sources.set(source, { refs: 1, bucket: bucketOf(memberRate, 0) });
  }

  delete(source: number): void {
    const known = this.#sources.get(source);
    if (known && --known.refs === 0) this.#sources.delete(source);
  }

  has(source: number): boolean {
    return this.#sources.has(source);
  }

  /** What this source may still ask for; undefined for a stranger. */
  bucket(source: number): TokenBucket | undefined {
    return this.#sources.get(source)?.bucket;
  }
}

export class SourceGate {
  readonly #known: KnownSources;
  readonly #seed: number;
  readonly #members: Readonly<Record<Errand, TokenBucket>>;
  readonly #strangers: Readonly<Record<Errand, TokenBucket>>;
  readonly #cells = new TokenBuckets(strangerCells, strangerRate.perSecond, strangerRate.burst);

  /** @param seed random, so that nobody can choose addresses that share a cell with another */
  constructor(known: KnownSources, seed: number, nowMs: number) {
    this.#known = known;
    this.#seed = seed | 1;
    const buckets = (rates: Readonly<Record<Errand, Rate>>): Record<Errand, TokenBucket> => ({
      stun: bucketOf(rates.stun, nowMs),
      verify: bucketOf(rates.verify, nowMs),
      hint: bucketOf(rates.hint, nowMs),
    });
    this.#members = buckets(membersRate);
    this.#strangers = buckets(strangersRate);
  }

  /** Charges a source. Undefined when the errand may be done, else why not. */
  refuses(errand: Errand, source: number, nowMs: number): RelayDrop | undefined {
    const own = this.#known.bucket(source);
    if (own) return own.take(1, nowMs) && this.#members[errand].take(1, nowMs) ? undefined : 'rate-limited';
    if (!this.#cells.take(this.#cell(source), 1, nowMs)) return 'source-limited';
    return this.#strangers[errand].take(1, nowMs) ? undefined : 'strangers-limited';
  }

  #cell(source: number): number {
    let h = Math.imul((source | 0) ^ this.#seed, 0x9e37_79b1);
    h = Math.imul(h ^ (h >>> 15) ^ Math.floor(source / 0x1_0000_0000), 0x85eb_ca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
    return ((h ^ (h >>> 16)) >>> 0) % strangerCells;
  }
}

function bucketOf({ perSecond, burst }: Rate, nowMs: number): TokenBucket {
  return new TokenBucket(perSecond, burst, nowMs);
}
