/** Which of two members that share a subnet lives. */
import { beforeEach, describe, expect, it } from 'vitest';
import { RouterWatch } from '../../../src/core/subnets/router-watch.js';

let now: number;
let heard: Map<string, number>;
let asked: string[];
let watch: RouterWatch;

beforeEach(() => {
  now = 100_000;
  heard = new Map([
    ['a', now],
    ['b', now],
  ]);
  asked = [];
  watch = new RouterWatch({
    ask: (id) => asked.push(id),
    silence: (id) => now - (heard.get(id) ?? -Infinity),
  });
});

/** Lets time pass; those named answer. Returns when something changed, ms from the beginning. */
function pass(ms: number, ...answering: readonly string[]): number[] {
  const begun = now;
  const changes: number[] = [];
  for (; now < begun + ms; now += 100) {
    for (const id of answering) heard.set(id, now);
    if (now >= watch.dueAt && watch.tick(now)) changes.push(now - begun);
  }
  return changes;
}

describe('a router that others stand in for', () => {
  it('is dead within two seconds of its last word, and nobody else with it', () => {
    watch.watch(now, new Set(['a', 'b']));
    expect(pass(10_000, 'a', 'b')).toEqual([]);
    const changes = pass(5_000, 'b');
    expect(changes).toHaveLength(1);
    expect(changes[0]).toBeLessThanOrEqual(2_200);
    expect([watch.alive('a'), watch.alive('b')]).toEqual([false, true]);
  });

  it('is gone back to when it has been heard for a while', () => {
    watch.watch(now, new Set(['a', 'b']));
    pass(4_000, 'b');
    expect(pass(2_500, 'a', 'b')).toEqual([]);
    expect(pass(6_000, 'a', 'b')).toHaveLength(1);
    expect(watch.alive('a')).toBe(true);
  });

  it('is dead at once when it says goodbye', () => {
    watch.watch(now, new Set(['a', 'b']));
    pass(1_000, 'a', 'b');
    expect(watch.lost(now, 'a')).toBe(true);
    expect(watch.alive('a')).toBe(false);
    expect(watch.lost(now, 'a')).toBe(false);
    expect(watch.lost(now, 'c')).toBe(false);
  });

  it('has time to be reached first', () => {
    heard.delete('a');
    watch.watch(now, new Set(['a', 'b']));
    expect(pass(1_500, 'b')).toEqual([]);
    expect(pass(3_000, 'b')).toHaveLength(1);
  });

  it('is asked nothing where there is no choice', () => {
    expect(watch.dueAt).toBe(Infinity);
    watch.watch(now, new Set(['a']));
    watch.watch(now, new Set());
    expect(watch.dueAt).toBe(Infinity);
    pass(2_000);
    expect(asked).toEqual([]);
    expect(watch.alive('a')).toBe(true);
  });
});
