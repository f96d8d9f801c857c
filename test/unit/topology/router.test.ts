import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { distance, ringSize } from '../../../src/core/topology/position.js';
import { nowhere, Router, type RouterLink } from '../../../src/core/topology/router.js';

const position = fc.oneof(
  fc.maxSafeNat().map((n) => n % ringSize),
  // near to each other, and at the seam
  fc.integer({ min: 0, max: 40 }),
  fc.integer({ min: 1, max: 40 }).map((n) => ringSize - n),
);
const positions = fc.uniqueArray(position, { minLength: 1, maxLength: 40 });

function link(port: number, at: number, more: Partial<RouterLink> = {}): RouterLink {
  return { port, position: at, forwards: true, reaches: [], ...more };
}

describe('Router', () => {
  it('takes only links that are nearer to the destination, whatever their tables say', () => {
    const table = fc.array(
      fc.record({ at: position, forwards: fc.boolean(), reaches: fc.array(position, { maxLength: 8 }) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(position, table, fc.array(position, { minLength: 1 }), (self, rows, destinations) => {
        const router = new Router(self);
        router.set(rows.map(({ at, ...row }, port) => ({ port, position: at, ...row })));
        for (const destination of destinations) {
          const port = router.nextHop(destination);
          const row = rows[port];
          if (port === nowhere) {
            const better = rows.some(
              ({ at, forwards }) =>
                at === destination || (forwards && distance(at, destination) < distance(self, destination)),
            );
            expect(better).toBe(false);
          } else if (row?.at !== destination) {
            expect(row?.forwards).toBe(true);
            expect(distance(row?.at ?? NaN, destination)).toBeLessThan(distance(self, destination));
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('so a walk ends, also through members with stale tables and members that lie', () => {
    fc.assert(
      fc.property(positions, fc.infiniteStream(fc.nat()), position, (members, dice, destination) => {
        const draw = (below: number): number => (dice.next().value ?? 0) % below;
        const routers = members.map((self) => {
          const router = new Router(self);
          const links = Array.from({ length: 6 }, () => {
            const port = draw(members.length);
            const lies = Array.from({ length: 4 }, () => (destination + draw(9)) % ringSize);
            return link(port, members[port] as number, { reaches: lies });
          });
          router.set(links);
          return router;
        });
        let at = 0;
        let hops = 0;
        while (members[at] !== destination) {
          const next = routers[at]?.nextHop(destination) ?? nowhere;
          if (next === nowhere) break;
          at = next;
          expect(++hops).toBeLessThan(members.length);
        }
      }),
    );
  });

  it('reaches every member from every other on a correct ring', () => {
    fc.assert(
      fc.property(positions, fc.infiniteStream(fc.nat()), (unsorted, dice) => {
        const members = [...unsorted].sort((a, b) => a - b);
        const n = members.length;
        const linked = members.map((_, i) => new Set([(i + 1) % n, (i + n - 1) % n]));
        for (let i = 0; i < n; i++) {
          const other = (dice.next().value ?? 0) % n;
          linked[i]?.add(other);
          linked[other]?.add(i);
        }
        linked.forEach((set, i) => set.delete(i));
        const neighbours = linked.map((set) => [...set].map((i) => members[i] as number));
        const routers = members.map((self, i) => {
          const router = new Router(self);
          const links = [...(linked[i] ?? [])].map((port) =>
            link(port, members[port] as number, { reaches: neighbours[port] ?? [] }),
          );
          router.set(links);
          return router;
        });
        for (let from = 0; from < n; from++) {
          for (let to = 0; to < n; to++) {
            let at = from;
            for (let hops = 0; at !== to; hops++) {
              expect(hops).toBeLessThan(n);
              at = routers[at]?.nextHop(members[to] as number) ?? nowhere;
              expect(at).not.toBe(nowhere);
            }
          }
        }
      }),
      { numRuns: 40 },
    );
  });

  it('goes straight to a destination that it is linked with, past any promise', () => {
    const router = new Router(0);
    router.set([link(1, 90, { reaches: [100, 100] }), link(2, 100), link(3, 101, { reaches: [100] })]);
    expect(router.nextHop(100)).toBe(2);
  });

  it('takes the link that knows a nearer one, and of two that know it the nearer itself', () => {
    const router = new Router(0);
    router.set([
      link(1, 60),
      link(2, 30, { reaches: [95] }),
      link(3, 40, { reaches: [95] }),
      link(4, 50, { reaches: [94] }),
    ]);
    expect(router.nextHop(100)).toBe(3);
  });

  it('takes a leaf for itself only', () => {
    const router = new Router(0);
    router.set([link(1, 100, { forwards: false, reaches: [120] }), link(2, 50)]);
    expect(router.nextHop(100)).toBe(1);
    expect(router.nextHop(101)).toBe(2);
    expect(router.nextHop(120)).toBe(2);
    router.set([link(1, 100, { forwards: false, reaches: [120] })]);
    expect(router.nextHop(99)).toBe(nowhere);
    expect(router.nextHop(120)).toBe(nowhere);
  });

  it('has nowhere to go without links, to itself, and when it is the nearest', () => {
    const router = new Router(10);
    expect(router.nextHop(5)).toBe(nowhere);
    router.set([link(1, 20), link(2, ringSize - 20)]);
    expect(router.nextHop(10)).toBe(nowhere);
    expect(router.nextHop(12)).toBe(nowhere);
    // As far as we are is not nearer: it might think the same of us.
    expect(router.nextHop(15)).toBe(nowhere);
    expect(router.nextHop(16)).toBe(1);
  });

  it('goes the short way across the seam', () => {
    const router = new Router(5);
    router.set([link(1, 100), link(2, ringSize - 5)]);
    expect(router.nextHop(ringSize - 10)).toBe(2);
    expect(router.nextHop(ringSize / 2 - 1)).toBe(1);
  });

  it('answers from the table of now, however often it was asked before', () => {
    const rows = fc.array(fc.tuple(position, fc.boolean()), { maxLength: 10 });
    fc.assert(
      fc.property(position, fc.array(rows, { maxLength: 4 }), positions, (self, tables, destinations) => {
        const cached = new Router(self);
        // Destinations that share a cell of the cache take turns.
        const asked = destinations.flatMap((d) => [d, (d + 256) % ringSize, d]);
        for (const table of tables) {
          const links = table.map(([at, forwards], port) => link(port, at, { forwards }));
          cached.set(links);
          for (const destination of asked) {
            const fresh = new Router(self);
            fresh.set(links);
            expect(cached.nextHop(destination)).toBe(fresh.nextHop(destination));
          }
        }
      }),
    );
  });
});
