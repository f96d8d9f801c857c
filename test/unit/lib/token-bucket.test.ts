import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenBucket, TokenBuckets } from '../../../src/core/lib/token-bucket.js';

/** Both forms of a bucket, as one. */
const forms: [string, (perSecond: number, burst: number) => (n: number, now: number) => boolean][] = [
  [
    'TokenBucket',
    (perSecond, burst) => {
      const bucket = new TokenBucket(perSecond, burst, 0);
      return (n, now) => bucket.take(n, now);
    },
  ],
  [
    'TokenBuckets',
    (perSecond, burst) => {
      const buckets = new TokenBuckets(3, perSecond, burst);
      return (n, now) => buckets.take(1, n, now);
    },
  ],
];

describe.each(forms)('%s', (_name, make) => {
  it('charges what a thing costs', () => {
    const take = make(1_000, 100);
    expect([60, 60, 40, 1].map((cost) => take(cost, 5))).toEqual([true, false, true, false]);
    expect([50, 51].map((cost) => take(cost, 55))).toEqual([true, false]);
  });

  it('gives a burst, then the rate, and never more than a burst', () => {
    const take = make(100, 5);
    const taken = (now: number): number => {
      let n = 0;
      while (n < 1_000 && take(1, now)) n++;
      return n;
    };
    expect([taken(1_000), taken(1_010), taken(1_025), taken(9_000)]).toEqual([5, 1, 1, 5]);
  });

  it('passes everything at an infinite rate', () => {
    const take = make(Infinity, Infinity);
    expect([1e12, 1e12].map((n) => take(n, 0))).toEqual([true, true]);
  });

  it('whatever is asked when, gives no more than a burst and the rate since, and refuses only what that forbids', () => {
    const steps = fc.array(fc.tuple(fc.nat(400), fc.integer({ min: 1, max: 60 })), { maxLength: 60 });
    fc.assert(
      fc.property(steps, (asked) => {
        const take = make(50, 40);
        let now = 0;
        let level = 40;
        for (const [wait, n] of asked) {
          now += wait;
          level = Math.min(40, level + wait * 0.05);
          // Sums in binary fractions differ in the last digit.
          if (Math.abs(level - n) < 1e-6) continue;
          const given = take(n, now);
          expect(given).toBe(level > n);
          if (given) level -= n;
        }
      }),
    );
  });
});

describe('TokenBucket', () => {
  it('is full when it says nothing any more', () => {
    const bucket = new TokenBucket(10, 5, 0);
    expect(bucket.full(0)).toBe(true);
    bucket.take(2, 0);
    expect([bucket.full(0), bucket.full(199), bucket.full(200)]).toEqual([false, false, true]);
  });
});

describe('TokenBuckets', () => {
  it('keeps each number apart, and fills one that is given to another', () => {
    const buckets = new TokenBuckets(2, 1, 1);
    expect([buckets.take(0, 1, 0), buckets.take(0, 1, 0), buckets.take(1, 1, 0)]).toEqual([
      true,
      false,
      true,
    ]);
    buckets.reset(0);
    expect([buckets.take(0, 1, 0), buckets.take(1, 1, 0)]).toEqual([true, false]);
  });
});
