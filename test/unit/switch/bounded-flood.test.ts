import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BoundedFlood, type FloodLink } from '../../../src/core/switch/bounded-flood.js';
import { ringSize } from '../../../src/core/topology/position.js';

/** A ring of members by their positions, and who knows whom. */
class Ring {
  readonly #links = new Map<number, Map<number, FloodLink['flood']>>();

  constructor(members: readonly number[]) {
    for (const member of members) this.#links.set(member, new Map());
  }

  get members(): number[] {
    return [...this.#links.keys()].sort((a, b) => a - b);
  }

  link(from: number, to: number, flood: FloodLink['flood'] = 'range'): void {
    if (from !== to) this.#links.get(from)?.set(to, flood);
  }

  join(a: number, b: number): void {
    this.link(a, b);
    this.link(b, a);
  }

  /** Links each of these with the next of them. */
  close(some: readonly number[]): this {
    const order = [...some].sort((a, b) => a - b);
    order.forEach((member, i) => {
      this.join(member, order[(i + 1) % order.length] as number);
    });
    return this;
  }

  /** Floods from one member; how many copies each got, in the order of arrival, and how many were sent. */
  flood(origin: number): { received: Map<number, number>; copies: number } {
    const received = new Map<number, number>();
    let copies = 0;
    const queue = [{ at: origin, sender: origin, bound: origin, edge: false }];
    for (let copy = queue.shift(); copy; copy = queue.shift()) {
      const { at, sender, bound, edge } = copy;
      if (at !== origin || copies > 0) {
        received.set(at, (received.get(at) ?? 0) + 1);
        // The duplicate check of the data plane, by (origin, sequence).
        if (at === origin || (received.get(at) ?? 0) > 1) continue;
      }
      const machine = new BoundedFlood(at);
      const links = [...(this.#links.get(at) ?? [])];
      machine.set(links.map(([position, flood], port) => ({ port, position, flood })));
      const send = (): void => {
        for (let port = machine.next(); port >= 0; port = machine.next()) {
          copies++;
          const to = links[port]?.[0] as number;
          queue.push({ at: to, sender: at, bound: machine.bound, edge: machine.edge });
        }
      };
      machine.begin(bound);
      send();
      if (edge) {
        machine.holes(sender);
        send();
      }
    }
    return { received, copies };
  }

  expectOnce(origin: number): void {
    const { received, copies } = this.flood(origin);
    const others = this.members.filter((member) => member !== origin);
    expect([...received.keys()].sort((a, b) => a - b)).toEqual(others);
    expect([...received.values()].every((count) => count === 1)).toBe(true);
    expect(copies).toBe(others.length);
  }
}

const position = fc.oneof(
  fc.maxSafeNat().map((n) => n % ringSize),
  fc.integer({ min: 0, max: 60 }),
  fc.integer({ min: 1, max: 60 }).map((n) => ringSize - n),
);
const members = (minLength: number): fc.Arbitrary<number[]> =>
  fc.uniqueArray(position, { minLength, maxLength: 60 });
const pairs = fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 150 });

/** A member chosen by a number. */
function pick(some: readonly number[], n: number): number {
  return some[n % some.length] as number;
}

describe('a bounded flood', () => {
  it('reaches every member once, by N - 1 copies, over any links beside the ring', () => {
    fc.assert(
      fc.property(members(1), pairs, fc.nat(), (some, extra, at) => {
        const ring = new Ring(some).close(some);
        for (const [a, b] of extra) ring.join(pick(some, a), pick(some, b));
        ring.expectOnce(pick(some, at));
      }),
      { numRuns: 300 },
    );
  });

  it('also over links that only one end knows of', () => {
    fc.assert(
      fc.property(members(1), pairs, fc.nat(), (some, extra, at) => {
        const ring = new Ring(some).close(some);
        for (const [a, b] of extra) ring.link(pick(some, a), pick(some, b));
        ring.expectOnce(pick(some, at));
      }),
    );
  });

  it('of the predecessor that does not know them yet reaches newcomers that only their successor knows', () => {
    const joined = fc.integer({ min: 1, max: 4 });
    fc.assert(
      fc.property(members(3), pairs, fc.nat(), fc.nat(), joined, (some, extra, at, where, n) => {
        const order = [...some].sort((a, b) => a - b);
        const start = where % order.length;
        const turned = [...order.slice(start), ...order.slice(0, start)];
        const count = Math.min(n, order.length - 2);
        const newcomers = turned.slice(0, count);
        const old = turned.slice(count);
        const ring = new Ring(some).close(old);
        for (const [a, b] of extra) ring.join(pick(old, a), pick(old, b));
        for (const newcomer of newcomers) ring.join(newcomer, old[0] as number);
        ring.expectOnce(old.at(-1) as number);
        // From elsewhere they may be passed by until their predecessor knows them; nobody else is, and nobody hears twice.
        const origin = pick(old, at);
        const { received, copies } = ring.flood(origin);
        for (const member of old) if (member !== origin) expect(received.get(member)).toBe(1);
        expect(copies).toBe(received.size);
        // One newcomer alone may flood, too.
        if (count === 1) ring.expectOnce(newcomers[0] as number);
      }),
      { numRuns: 300 },
    );
  });

  it('gives a leaf one copy, which ends there', () => {
    const leaves = fc.array(fc.tuple(position, fc.nat(), fc.array(fc.nat(), { maxLength: 3 })), {
      maxLength: 6,
    });
    fc.assert(
      fc.property(members(2), leaves, fc.nat(), (some, drawn, at) => {
        const added = drawn.filter(
          ([leaf], i) => !some.includes(leaf) && drawn.findIndex(([other]) => other === leaf) === i,
        );
        const ring = new Ring([...some, ...added.map(([leaf]) => leaf)]).close(some);
        for (const [leaf, anchor, others] of added) {
          ring.link(pick(some, anchor), leaf, 'copy');
          // The leaf itself floods through any of its links.
          for (const other of [anchor, ...others]) ring.link(leaf, pick(some, other));
        }
        ring.expectOnce(pick(some, at));
      }),
      { numRuns: 300 },
    );
  });

  it('of a leaf goes through the switch before it on the ring', () => {
    fc.assert(
      fc.property(members(1), position, pairs, (some, leaf, extra) => {
        fc.pre(!some.includes(leaf));
        const before = some.filter((member) => member < leaf);
        const anchor = Math.max(...(before.length > 0 ? before : some));
        const ring = new Ring([...some, leaf]).close(some);
        for (const [a, b] of extra) ring.join(pick(some, a), pick(some, b));
        ring.link(leaf, anchor);
        ring.expectOnce(leaf);
      }),
      { numRuns: 300 },
    );
  });
});

describe('BoundedFlood', () => {
  function walk(machine: BoundedFlood): [number, number, boolean][] {
    const out: [number, number, boolean][] = [];
    for (let port = machine.next(); port >= 0; port = machine.next())
      out.push([port, machine.bound, machine.edge]);
    return out;
  }
  const range = (position: number): FloodLink => ({ port: position, position, flood: 'range' });
  const machine = new BoundedFlood(100);
  machine.set([range(300), range(50), range(200), { port: 7, position: 150, flood: 'copy' }]);

  it('divides the ring between its links, in order, and marks the first', () => {
    machine.begin(100);
    expect(walk(machine)).toEqual([
      [200, 300, true],
      [300, 50, false],
      [50, 100, false],
      [7, 151, false],
    ]);
    expect(machine.size).toBe(4);
  });

  it('stops before the end of its arc', () => {
    machine.begin(300);
    expect(walk(machine)).toEqual([
      [200, 300, true],
      [7, 151, false],
    ]);
    machine.begin(20);
    expect(walk(machine).map(([port, bound]) => [port, bound])).toEqual([
      [200, 300],
      [300, 20],
      [7, 151],
    ]);
  });

  it('fills the hole behind it, once, and gives leaves no second copy', () => {
    machine.holes(250);
    expect(walk(machine)).toEqual([
      [300, 50, false],
      [50, 100, false],
    ]);
    machine.holes(60);
    expect(walk(machine)).toEqual([]);
    machine.holes(50);
    expect(walk(machine)).toEqual([]);
  });

  it('ends when it is told of other links, and begins with none', () => {
    const other = new BoundedFlood(1);
    expect(walk(other)).toEqual([]);
    other.begin(1);
    expect(walk(other)).toEqual([]);
    other.set([range(5), range(9)]);
    expect(walk(other)).toEqual([]);
    other.begin(1);
    expect(other.next()).toBe(5);
    other.set([range(6), { port: 3, position: 3, flood: 'copy' }]);
    expect(walk(other)).toEqual([]);
    expect(other.size).toBe(2);
  });

  it('is not stopped by a link at its own position', () => {
    const other = new BoundedFlood(1);
    other.set([range(1), range(5)]);
    other.begin(1);
    expect(walk(other)).toEqual([[5, 1, true]]);
  });
});
