import { describe, expect, it } from 'vitest';
import { HomeRelay } from '../../../src/core/relays/home.js';

const at = (...ranks: readonly (number | undefined)[]) =>
  ranks.flatMap((rank, index) => (rank === undefined ? [] : [{ index, rank }]));

describe('the home relay', () => {
  it('is the nearest that is up, and another as soon as it is down', () => {
    const home = new HomeRelay();
    expect(home.settle([])).toBeUndefined();
    expect(home.settle(at(30, 10, 20))).toBe(1);
    expect(home.settle(at(30, undefined, 20))).toBe(2);
    // That which comes back is clearly nearer.
    expect(home.settle(at(30, 10, 20))).toBe(1);
  });

  it('stays while no other is clearly nearer, so two that are alike do not take turns', () => {
    const home = new HomeRelay();
    const seen = new Set<number | undefined>();
    for (let i = 0; i < 100; i++) seen.add(home.settle(at(20 + (i % 5), 22 - (i % 4))));
    expect(seen.size).toBe(1);
  });

  it('comes first among ways, unless another way is clearly nearer', () => {
    const home = new HomeRelay();
    home.settle(at(20, 21));
    expect(home.sort(at(24, 21)).map(({ index }) => index)).toEqual([0, 1]);
    // Its UDP does not answer any more: its WebSocket ranks behind every UDP.
    expect(home.sort(at(10_020, 90)).map(({ index }) => index)).toEqual([1, 0]);
    expect(home.sort(at(undefined, 90, 30)).map(({ index }) => index)).toEqual([2, 1]);
  });
});
