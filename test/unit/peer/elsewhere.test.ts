import { describe, expect, it } from 'vitest';
import { Elsewhere } from '../../../src/core/peer/elsewhere.js';

describe('packets from elsewhere', () => {
  /** One each 100 ms; the times at which the path is to be asked. */
  const stream = (other: Elsewhere, from: number, to: number): number[] => {
    const asked: number[] = [];
    for (let now = from; now <= to; now += 100) if (other.came(now)) asked.push(now);
    return asked;
  };

  it('have the path asked at once, and once, until it answers', () => {
    const other = new Elsewhere();
    expect(other.movedSince(900)).toBe(Infinity);
    expect(stream(other, 1_000, 5_000)).toEqual([1_000]);
    expect(other.movedSince(5_000)).toBe(1_000);
    // What it was asked before says nothing.
    other.answered(999);
    expect(other.movedSince(5_000)).toBe(1_000);
    other.answered(4_000);
    expect(other.movedSince(5_000)).toBe(Infinity);
  });

  it('have it asked again each second while it answers', () => {
    const other = new Elsewhere();
    const asked: number[] = [];
    for (let now = 1_000; now <= 4_000; now += 100) {
      if (!other.came(now)) continue;
      asked.push(now);
      other.answered(now);
    }
    expect(asked).toEqual([1_000, 2_000, 3_000, 4_000]);
    expect(other.movedSince(4_100)).toBe(Infinity);
  });

  it('are no stream when they are few, or have ended', () => {
    const other = new Elsewhere();
    expect(stream(other, 1_000, 1_100)).toEqual([1_000]);
    expect(other.movedSince(1_100)).toBe(Infinity);
    stream(other, 1_200, 1_200);
    expect(other.movedSince(1_200)).toBe(1_000);
    expect(other.movedSince(1_600)).toBe(1_000);
    expect(other.movedSince(1_601)).toBe(Infinity);
    for (const now of [2_000, 2_500, 3_000])
      expect([other.came(now), other.movedSince(now)]).toEqual([true, Infinity]);
    stream(other, 3_100, 3_400);
    expect(other.movedSince(3_400)).toBe(3_000);
    other.clear();
    expect(other.movedSince(3_400)).toBe(Infinity);
  });
});
