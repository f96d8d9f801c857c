import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FloodWindow, Seen, windowBits } from '../../../src/core/dataplane/flood/window.js';

const { fresh, before, old } = Seen;

describe('the window of an origin', () => {
  it('tells new floods from those that came before, and from old ones', () => {
    const window = new FloodWindow();
    const take = (epoch: number, sequence: number): Seen => {
      const seen = window.look(epoch, sequence);
      if (seen === fresh) window.note(epoch, sequence);
      return seen;
    };
    expect([take(5, 0), take(5, 0), take(5, 3), take(5, 1), take(5, 1)]).toEqual([
      fresh,
      before,
      fresh,
      fresh,
      before,
    ]);
    expect([take(5, windowBits + 100), take(5, 101), take(5, 100), take(5, 0)]).toEqual([
      fresh,
      fresh,
      old,
      old,
    ]);
    expect([take(4, 1_000_000), take(6, 2), take(5, 2_000), take(6, 2), take(6, 0)]).toEqual([
      old,
      fresh,
      old,
      before,
      fresh,
    ]);
    expect([take(2 ** 48 - 1, 2 ** 32 - 1), take(2 ** 48 - 1, 2 ** 32 - 1)]).toEqual([fresh, before]);
  });

  it('looks without noting', () => {
    const window = new FloodWindow();
    expect([window.look(1, 1), window.look(1, 1)]).toEqual([fresh, fresh]);
  });

  it('does as a list of all numbers would', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: -40, max: 1_300 })), {
          maxLength: 200,
        }),
        (steps) => {
          const window = new FloodWindow();
          const noted = new Set<number>();
          let [epoch, top] = [-1, -1];
          for (const [of, step] of steps) {
            const sequence = Math.max(0, top + step);
            const expected =
              of !== epoch
                ? of > epoch
                  ? fresh
                  : old
                : sequence <= top - windowBits
                  ? old
                  : noted.has(sequence)
                    ? before
                    : fresh;
            expect(window.look(of, sequence)).toBe(expected);
            if (expected !== fresh) continue;
            window.note(of, sequence);
            if (of !== epoch) noted.clear();
            top = of === epoch ? Math.max(top, sequence) : sequence;
            epoch = of;
            noted.add(sequence);
          }
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
