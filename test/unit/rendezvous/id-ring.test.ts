import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdRing } from '../../../src/rendezvous/id-ring.js';

/** Short ids of few letters, so that chance makes duplicates and common beginnings. */
const id = fc.string({ unit: fc.constantFrom('0', '1', 'a', 'f'), minLength: 4, maxLength: 4 });
const ids = fc.array(id, { maxLength: 40 });

function ringOf(all: readonly string[]): IdRing {
  const ring = new IdRing();
  for (const one of all) ring.add(one);
  return ring;
}

/** The same set, slowly. */
function sorted(all: Iterable<string>): string[] {
  return [...new Set(all)].sort();
}

describe('IdRing', () => {
  it('is the sorted set of what was added and not deleted', () => {
    fc.assert(
      fc.property(ids, ids, (added, deleted) => {
        const ring = ringOf(added);
        for (const one of deleted) ring.delete(one);
        const left = sorted(added.filter((one) => !deleted.includes(one)));
        expect(ring.list).toEqual(left);
        expect(ring.size).toBe(left.length);
        for (const one of [...added, ...deleted]) expect(ring.has(one)).toBe(left.includes(one));
      }),
    );
  });

  it('finds the id at or clockwise after a place, round the end, other than one', () => {
    fc.assert(
      fc.property(ids, id, fc.option(id, { nil: undefined }), (all, target, except) => {
        const rest = sorted(all).filter((one) => one !== except);
        const expected = rest.find((one) => one >= target) ?? rest[0];
        expect(ringOf(all).closest(target, except)).toBe(expected);
      }),
    );
  });

  it('names the nearest on each side, nobody twice and never the one asked for', () => {
    fc.assert(
      fc.property(ids, id, fc.integer({ min: 0, max: 6 }), (all, self, count) => {
        const rest = sorted(all).filter((one) => one !== self);
        const at = rest.findIndex((one) => one > self);
        const turned = at < 0 ? rest : [...rest.slice(at), ...rest.slice(0, at)];
        const expected = new Set([...turned.slice(0, count), ...(count > 0 ? turned.slice(-count) : [])]);
        const found = ringOf(all).neighbours(self, count);
        expect(new Set(found)).toEqual(expected);
        expect(found).toHaveLength(expected.size);
      }),
    );
    expect(ringOf(['1000', '2000', '3000', '4000', '5000', '6000']).neighbours('3000', 2)).toEqual([
      ...['4000', '5000', '2000', '1000'],
    ]);
  });

  it('finds ids by their beginning, up to a limit', () => {
    fc.assert(
      fc.property(
        ids,
        id,
        fc.integer({ min: 0, max: 4 }),
        fc.integer({ min: 1, max: 50 }),
        (all, one, n, limit) => {
          const prefix = one.slice(0, n);
          const expected = sorted(all).filter((other) => other.startsWith(prefix));
          expect(ringOf(all).startingWith(prefix, limit)).toEqual(expected.slice(0, limit));
        },
      ),
    );
  });

  it('draws different ones', () => {
    fc.assert(
      fc.property(
        ids,
        fc.integer({ min: 0, max: 8 }),
        fc.array(fc.double({ min: 0, max: 0.999, noNaN: true }), { minLength: 16, maxLength: 16 }),
        (all, count, units) => {
          let next = 0;
          const drawn = ringOf(all).some(count, () => units[next++ % units.length] as number);
          expect(new Set(drawn).size).toBe(drawn.length);
          expect(drawn.length).toBeLessThanOrEqual(count);
          for (const one of drawn) expect(all).toContain(one);
          if (all.length > 0 && count > 0) expect(drawn.length).toBeGreaterThan(0);
        },
      ),
    );
  });
});
