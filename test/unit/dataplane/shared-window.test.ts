import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lapLength, SharedWindow, windowWords } from '../../../src/core/dataplane/keys/shared-window.js';

function fresh(): { a: SharedWindow; b: SharedWindow; memory: Int32Array } {
  const memory = new Int32Array(new SharedArrayBuffer(4 * (windowWords + 8)));
  return { a: new SharedWindow(memory, 4), b: new SharedWindow(memory, 4), memory };
}

describe('SharedWindow', () => {
  it('accepts each counter once, whoever asks', () => {
    const { a, b } = fresh();
    for (let i = 0; i < 3 * lapLength; i++) {
      expect(a.check(i) && b.check(i)).toBe(true);
      expect((i & 1 ? a : b).accept(i)).toBe(true);
      expect(a.accept(i) || b.accept(i) || a.check(i) || b.check(i)).toBe(false);
    }
  });

  it('takes what is less than a lap late, and nothing that is two laps late', () => {
    const { a } = fresh();
    const high = 5 * lapLength + 100;
    expect(a.accept(high)).toBe(true);
    expect(a.accept(high - lapLength + 8)).toBe(true);
    expect(a.accept(high - 2 * lapLength)).toBe(false);
    expect(a.check(high - 2 * lapLength)).toBe(false);
    expect(a.accept(0)).toBe(false);
  });

  it('works with counters of any size that a key may have', () => {
    const { a } = fresh();
    for (let start = 0; start < 2 ** 37; start += 2 ** 35) {
      // A key counts up to there.
      if (start > 0) for (let lap = 1; lap < 64; lap++) a.accept(start - 2 ** 35 + (lap * 2 ** 35) / 64);
      for (let i = 0; i < 100; i++) expect(a.accept(start + i)).toBe(true);
      for (let i = 0; i < 100; i++) expect(a.accept(start + i)).toBe(false);
    }
  });

  it('never accepts twice, in any order, and loses nothing that is in time', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2 ** 33 }),
        fc.array(fc.integer({ min: -9_000, max: 9_000 }), { minLength: 1, maxLength: 400 }),
        (start, steps) => {
          const { a, b } = fresh();
          const seen = new Set<number>();
          let at = start;
          let high = start;
          a.accept(start);
          seen.add(start);
          for (const [i, step] of steps.entries()) {
            at = Math.max(0, at + step);
            const w = i & 1 ? a : b;
            const was = seen.has(at);
            const allowed = w.check(at);
            const accepted = w.accept(at);
            expect(accepted).toBe(allowed);
            if (was) expect(accepted).toBe(false);
            else if (at > high - lapLength + 8) expect(accepted).toBe(true);
            if (accepted) {
              seen.add(at);
              high = Math.max(high, at);
            }
          }
        },
      ),
    );
  });

  it('keeps to its own words', () => {
    const { a, memory } = fresh();
    for (let i = 0; i < 20_000; i += 3) a.accept(i);
    expect([...memory.slice(0, 4), ...memory.slice(windowWords + 4)]).toEqual(new Array(8).fill(0));
  });
});
