import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { announcementMs, GroupTable, PositionSet } from '../../../src/core/switch/group-table.js';
import { clockwise, ringSize } from '../../../src/core/topology/position.js';
import type { Wanted } from '../../../src/core/wire/groups.js';

const wants = (...keys: number[]): Wanted => ({ all: false, keys: Int32Array.from(keys).sort() });
const all: Wanted = { all: true, keys: new Int32Array(0) };

describe('PositionSet', () => {
  it('answers as a list would, whatever is added and deleted', () => {
    const position = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 0, max: ringSize - 1 }));
    const action = fc.tuple(fc.constantFrom('add', 'delete', 'meets'), position, position);
    fc.assert(
      fc.property(fc.array(action, { maxLength: 60 }), (actions) => {
        const set = new PositionSet();
        const model = new Set<number>();
        for (const [what, a, b] of actions) {
          if (what === 'add') {
            set.add(a);
            model.add(a);
          } else if (what === 'delete') {
            set.delete(a);
            model.delete(a);
          }
          expect(set.size).toBe(model.size);
          const met = [...model].some((p) => a === b || clockwise(a, p) < clockwise(a, b));
          expect(set.meets(a, b)).toBe(met);
        }
      }),
    );
  });
});

describe('GroupTable', () => {
  it('finds on which arcs a group is wanted', () => {
    const table = new GroupTable(0);
    table.set(100, wants(1, 2), 0);
    table.set(200, wants(2), 0);
    table.select(1);
    expect(table.anybody).toBe(true);
    expect(table.meets(50, 150)).toBe(true);
    expect(table.meets(150, 250)).toBe(false);
    expect(table.meets(150, 120)).toBe(true);
    table.select(2);
    expect(table.meets(150, 250)).toBe(true);
    table.select(3);
    expect(table.anybody).toBe(false);
    expect(table.meets(0, 0)).toBe(false);
  });

  it('replaces what a member wants as a whole, and forgets it when it wants nothing', () => {
    const table = new GroupTable(0);
    table.set(100, wants(1, 2), 0);
    table.set(100, wants(2, 3), 0);
    const wanted = (key: number): boolean => {
      table.select(key);
      return table.meets(100, 101);
    };
    expect([1, 2, 3].map(wanted)).toEqual([false, true, true]);
    table.set(100, all, 0);
    expect([1, 2, 3].map(wanted)).toEqual([true, true, true]);
    table.selectAll();
    expect(table.meets(100, 101)).toBe(true);
    table.set(100, wants(), 0);
    expect([1, 2, 3].map(wanted)).toEqual([false, false, false]);
    expect(table.size).toBe(0);
  });

  it('takes no word of itself', () => {
    const table = new GroupTable(7);
    table.set(7, all, 0);
    expect(table.size).toBe(0);
    table.select(1);
    expect(table.anybody).toBe(false);
  });

  it('forgets who is silent for 300 s', () => {
    const table = new GroupTable(0);
    table.set(100, wants(1), 0);
    table.set(200, wants(1), 1_000);
    table.expire(announcementMs + 1);
    expect([...table.entries()].map((e) => e.position)).toEqual([200]);
    table.set(200, wants(1), announcementMs);
    table.expire(announcementMs + 2_000);
    expect(table.get(200) !== undefined).toBe(true);
  });

  it('bounds members, and says so when it is crowded', () => {
    const table = new GroupTable(0);
    for (let i = 1; i <= 4_096; i++) table.set(i, wants(i), 0);
    expect(table.crowded).toBe(false);
    table.set(5_000, wants(1), 0);
    expect(table.size).toBe(4_096);
    expect(table.crowded).toBe(true);
    table.expire(announcementMs + 1);
    expect(table.crowded).toBe(false);
    expect(table.size).toBe(0);
  });

  it('bounds memberships: what does not fit counts as wanting everything', () => {
    const table = new GroupTable(0);
    for (let i = 1; i <= 512; i++) table.set(i, wants(...Array.from({ length: 256 }, (_, k) => k)), 0);
    table.set(600, wants(5), 0);
    table.select(99_999);
    expect(table.meets(1, 600)).toBe(false);
    expect(table.meets(600, 601)).toBe(true);
    table.delete(1);
    table.set(600, wants(6), 0);
    table.select(99_999);
    expect(table.anybody).toBe(false);
  });

  it('looks up in a table of a thousand members without allocating', () => {
    const table = new GroupTable(0);
    for (let i = 1; i <= 1_000; i++) table.set(i * 4_000_000_000, wants(0x5e01_0203, -i), 0);
    let hits = 0;
    const rounds = (n: number): void => {
      for (let i = 0; i < n; i++) {
        table.select(i % 2 === 0 ? 0x5e01_0203 : -5);
        if (table.meets(i * 1_000_003, i * 1_000_003 + 5_000_000_000)) hits++;
      }
    };
    rounds(50_000);
    const before = process.memoryUsage().heapUsed;
    rounds(200_000);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(1_000_000);
    expect(hits).toBeGreaterThan(0);
  });
});
