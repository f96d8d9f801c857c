import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ReplayWindow, windowSize } from '../../../src/core/dataplane/keys/replay.js';

/** RFC 6479 by its meaning instead of its bits. */
class Slow {
  readonly #seen = new Set<number>();
  #next = 0;
  accept(counter: number): boolean {
    if (counter < this.#next - windowSize || this.#seen.has(counter)) return false;
    this.#seen.add(counter);
    this.#next = Math.max(this.#next, counter + 1);
    return true;
  }
}

const w = windowSize;

describe('ReplayWindow', () => {
  const window = new ReplayWindow();
  // One window, row after row.
  it.each([
    [1, 0, true],
    [2, 0, false],
    [3, 1, true],
    [4, 1, false],
    [5, 9, true],
    [6, 8, true],
    [7, 7, true],
    [8, 7, false],
    [9, w, true],
    [10, w - 1, true],
    [11, w - 1, false],
    [12, w - 2, true],
    [13, 2, true],
    [14, 2, false],
    [15, w + 16, true],
    [16, 3, false],
    [17, w + 16, false],
    [18, w * 4, true],
    [19, w * 4 - (w - 1), true],
    [20, 10, false],
    [21, w * 4 - w, false],
    [22, w * 4 - (w + 1), false],
    [23, w * 4 - (w - 2), true],
    [24, w * 4 + 1 - w, false],
    [25, 0, false],
    [26, 2 ** 32 + 5, true],
    [27, 2 ** 32 + 4, true],
    [28, 2 ** 32 + 5, false],
    [29, 2 ** 52 - 1, true],
    [30, 2 ** 52 - 1, false],
    [31, 2 ** 52 - 2, true],
    [32, 2 ** 52 - 1 - w, false],
    [33, 2 ** 52 - w, true],
  ])('row %d: %d is %s', (_row, counter, wanted) => {
    expect(window.check(counter)).toBe(wanted);
    expect(window.accept(counter)).toBe(wanted);
    expect(window.check(counter)).toBe(false);
  });

  it('agrees with a set of everything seen', () => {
    const step = fc.oneof(
      fc.integer({ min: -w - 50, max: 200 }),
      fc.integer({ min: 0, max: 3 * w }),
      fc.constant(1),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const fast = new ReplayWindow();
        const slow = new Slow();
        let at = 0;
        for (const s of steps) {
          const counter = Math.max(0, at + s);
          at = Math.max(at, counter);
          const wanted = slow.accept(counter);
          if (fast.check(counter) !== wanted || fast.accept(counter) !== wanted) return false;
        }
        return true;
      }),
      { numRuns: 300 },
    );
  });

  it('starts after a counter: nothing below, everything from there on', () => {
    for (const next of [0, 1, 31, 32, 33, 8_159, 8_192, 100_000]) {
      const fresh = new ReplayWindow();
      fresh.startAfter(next);
      for (const below of [0, next - 1, next - 2, next - 31, next - 32, next - 33]) {
        if (below >= 0 && below < next)
          expect([next, below, fresh.check(below)]).toEqual([next, below, false]);
      }
      for (const counter of [next + 1, next, next + 40, next + 39]) expect(fresh.accept(counter)).toBe(true);
      expect(fresh.next).toBe(next + 41);
    }
  });

  it('forgets on reset', () => {
    const fresh = new ReplayWindow();
    fresh.accept(5);
    fresh.reset();
    expect([fresh.next, fresh.accept(5)]).toEqual([0, true]);
  });
});
