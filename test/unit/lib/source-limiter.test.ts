import { describe, expect, it } from 'vitest';
import { SourceLimiter } from '../../../src/core/lib/source-limiter.js';

const perSecond = 20;
const burst = 5;

describe('SourceLimiter', () => {
  const passed = (limiter: SourceLimiter, source: string, now: number): number => {
    let n = 0;
    while (n < 1_000 && limiter.take(source, now)) n++;
    return n;
  };

  it('lets a burst pass, then the rate, to each source alone', () => {
    const limiter = new SourceLimiter(perSecond, burst, 10);
    expect(passed(limiter, 'a', 0)).toBe(burst);
    expect(passed(limiter, 'a', 1_000 / perSecond)).toBe(1);
    expect(passed(limiter, 'b', 1_000 / perSecond)).toBe(burst);
    expect(passed(limiter, 'a', 10_000)).toBe(burst);
  });

  it('is bounded, and forgets the source that was quiet longest', () => {
    const limiter = new SourceLimiter(perSecond, burst, 3);
    passed(limiter, 'a', 0);
    limiter.take('b', 0);
    limiter.take('c', 0);
    expect(limiter.take('a', 0)).toBe(false); // used just now, so b is the quietest
    limiter.take('d', 0);
    expect(limiter.size).toBe(3);
    expect(limiter.take('a', 0)).toBe(false);
    for (let i = 0; i < 10_000; i++) limiter.take(`flood ${i}`, 1);
    expect(limiter.size).toBe(3);
  });

  it('keeps no source whose bucket is full again, and none other goes before the table is full', () => {
    const limiter = new SourceLimiter(perSecond, burst, 1_000);
    for (let i = 0; i < 100; i++) limiter.take(`once ${i}`, 0);
    passed(limiter, 'empty', 0);
    expect(limiter.size).toBe(101);
    limiter.take('new', 60);
    expect(limiter.size).toBe(2);
    expect(passed(limiter, 'empty', 60)).toBe(1);
  });
});
