import { describe, expect, it } from 'vitest';
import { SimClock } from '../../../src/sim/clock.js';
import { SeededRandom } from '../../../src/sim/random.js';

describe('SimClock', () => {
  it('runs events in order of time, then of making', () => {
    const clock = new SimClock();
    const random = new SeededRandom(1);
    const made: { at: number; order: number }[] = [];
    const ran: { at: number; order: number }[] = [];
    for (let order = 0; order < 2_000; order++) {
      const event = { at: random.below(300), order };
      made.push(event);
      clock.after(event.at, () => {
        expect(clock.now()).toBe(event.at);
        ran.push(event);
      });
    }
    expect(clock.run(1_000)).toBe(true);
    expect(ran).toEqual(made.sort((a, b) => a.at - b.at || a.order - b.order));
    expect(clock.now()).toBe(1_000);
  });

  it('runs what events make, but nothing beyond the end', () => {
    const clock = new SimClock();
    const ran: number[] = [];
    const again = (): void => {
      ran.push(clock.now());
      clock.after(10, again);
    };
    clock.after(10, again);
    clock.run(35);
    expect(ran).toEqual([10, 20, 30]);
    expect(clock.now()).toBe(35);
  });

  it('cancels, also what has already run', () => {
    const clock = new SimClock();
    let ran = 0;
    const cancel = clock.after(5, () => ran++);
    const kept = clock.after(6, () => ran++);
    cancel();
    clock.run(10);
    kept();
    expect(ran).toBe(1);
  });

  it('stops at the limit of events and goes on from there', () => {
    const clock = new SimClock();
    let ran = 0;
    for (let i = 1; i <= 5; i++) clock.after(i, () => ran++);
    expect(clock.run(10, 3)).toBe(false);
    expect([ran, clock.now()]).toEqual([3, 3]);
    expect(clock.run(10)).toBe(true);
    expect([ran, clock.now()]).toEqual([5, 10]);
  });
});
