import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ageingMs, Fdb, perPortLimit } from '../../../src/core/switch/fdb.js';

describe('Fdb', () => {
  it('learns, moves and ages', () => {
    const fdb = new Fdb(10);
    expect(fdb.lookup(1, 2, 1_000)).toBe(-1);
    expect(fdb.learn(1, 2, 3, 1_000)).toBe(true);
    expect(fdb.lookup(1, 2, 1_000)).toBe(3);
    expect(fdb.learn(1, 2, 4, 1_001)).toBe(true);
    expect(fdb.lookup(1, 2, 1_001 + ageingMs)).toBe(4);
    expect(fdb.lookup(1, 2, 1_002 + ageingMs)).toBe(-1);
    fdb.learn(1, 2, 5, 2_000_000);
    expect(fdb.lookup(1, 2, 2_000_000)).toBe(5);
  });

  it('never moves or ages what is pinned', () => {
    const fdb = new Fdb(10);
    fdb.learn(1, 2, 3, 5);
    fdb.pin(1, 2, 7);
    expect(fdb.learn(1, 2, 3, 6)).toBe(false);
    expect(fdb.learn(1, 2, 7, 6)).toBe(true);
    expect(fdb.lookup(1, 2, 1e12)).toBe(7);
    fdb.forget(7);
    expect(fdb.lookup(1, 2, 7)).toBe(-1);
    expect(fdb.learn(1, 2, 3, 8)).toBe(true);
  });

  it('lets no port fill the table, and makes room of what is old', () => {
    const fdb = new Fdb(10);
    for (let i = 0; i < perPortLimit; i++) expect(fdb.learn(9, i, 1, 1_000)).toBe(true);
    expect(fdb.learn(9, perPortLimit, 1, 2_500)).toBe(false);
    expect(fdb.learn(9, perPortLimit, 2, 2_500)).toBe(true);
    expect(fdb.lookup(9, 77, 2_500)).toBe(1);
    expect(fdb.learn(9, 1 << 20, 1, 1_001 + ageingMs)).toBe(true);
    expect(fdb.lookup(9, perPortLimit, 1_001 + ageingMs)).toBe(2);
  });

  it('agrees with a map', () => {
    const action = fc.record({
      kind: fc.constantFrom('learn', 'learn', 'learn', 'pin', 'forget'),
      mac: fc.integer({ min: 0, max: 30 }),
      port: fc.integer({ min: 0, max: 5 }),
    });
    fc.assert(
      fc.property(fc.array(action, { maxLength: 300 }), (actions) => {
        const fdb = new Fdb(6);
        const model = new Map<number, { port: number; pinned: boolean }>();
        for (const { kind, mac, port } of actions) {
          const low = Math.imul(mac, 0x0101_0101);
          if (kind === 'pin') {
            fdb.pin(mac & 1, low, port);
            model.set(mac, { port, pinned: true });
          } else if (kind === 'forget') {
            fdb.forget(port);
            for (const [key, entry] of model) if (entry.port === port) model.delete(key);
          } else {
            fdb.learn(mac & 1, low, port, 50);
            if (model.get(mac)?.pinned !== true) model.set(mac, { port, pinned: false });
          }
        }
        for (let mac = 0; mac <= 30; mac++) {
          expect(fdb.lookup(mac & 1, Math.imul(mac, 0x0101_0101), 60)).toBe(model.get(mac)?.port ?? -1);
        }
      }),
    );
  });

  it('survives thousands of members that come and go', () => {
    const fdb = new Fdb(4);
    for (let i = 0; i < 60_000; i++) {
      fdb.pin(2, i, 1);
      if (i % 1_000 === 999) fdb.forget(1);
    }
    fdb.pin(2, 5, 3);
    expect(fdb.lookup(2, 5, 1)).toBe(3);
    expect(fdb.lookup(2, 59_999, 1)).toBe(-1);
  });
});
