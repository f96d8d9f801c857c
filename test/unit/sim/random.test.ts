import { describe, expect, it } from 'vitest';
import { SeededRandom } from '../../../src/sim/random.js';

const take = (random: SeededRandom, count: number): number[] =>
  Array.from({ length: count }, () => random.unit());

describe('SeededRandom', () => {
  it('gives the same for the same seed, and another for another', () => {
    expect(take(new SeededRandom(7), 50)).toEqual(take(new SeededRandom(7), 50));
    expect(take(new SeededRandom(7), 50)).not.toEqual(take(new SeededRandom(8), 50));
  });

  it('splits streams that do not depend on what was drawn before', () => {
    const fresh = new SeededRandom(3);
    const used = new SeededRandom(3);
    take(used, 100);
    used.split('other');
    expect(take(used.split('a'), 20)).toEqual(take(fresh.split('a'), 20));
    expect(take(fresh.split('a'), 20)).not.toEqual(take(fresh.split('b'), 20));
  });

  it('is uniform in [0, 1), bytes in all their values', () => {
    const random = new SeededRandom(1);
    const cells = new Uint32Array(16);
    const n = 64_000;
    let outside = 0;
    for (let i = 0; i < n; i++) {
      const unit = random.unit();
      outside += unit >= 0 && unit < 1 ? 0 : 1;
      cells[Math.floor(unit * 16)]!++;
    }
    expect(outside).toBe(0);
    // Chi-square with 15 degrees of freedom: 37.7 is exceeded once in a thousand.
    const chi = [...cells].reduce((sum, count) => sum + (count - n / 16) ** 2 / (n / 16), 0);
    expect(chi).toBeLessThan(37.7);
    expect(new Set(random.fill(new Uint8Array(8_192))).size).toBe(256);
  });

  it('samples without repetition, and has the moments it should', () => {
    const random = new SeededRandom(2);
    const list = Array.from({ length: 40 }, (_, i) => i);
    expect(new Set(random.sample(list, 12)).size).toBe(12);
    expect(random.sample(list, 99).sort((a, b) => a - b)).toEqual(list);
    const mean = (draw: () => number): number => {
      let sum = 0;
      for (let i = 0; i < 20_000; i++) sum += draw();
      return sum / 20_000;
    };
    expect(mean(() => random.exponential(5))).toBeCloseTo(5, 0);
    expect(mean(() => random.normal())).toBeCloseTo(0, 1);
    expect(mean(() => random.normal() ** 2)).toBeCloseTo(1, 1);
  });
});
