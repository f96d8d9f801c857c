import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import {
  clockwise,
  distance,
  isInside,
  positionOf,
  positionOfText,
  ringBits,
  ringSize,
  wrap,
} from '../../../src/core/topology/position.js';

/** Ids, often with bytes at the ends of their range. */
const id = fc.array(fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)), {
  minLength: 16,
  maxLength: 16,
});
const position = fc.oneof(
  id.map((bytes) => positionOf(Uint8Array.from(bytes))),
  fc.constantFrom(0, 1, ringSize / 2 - 1, ringSize / 2, ringSize / 2 + 1, ringSize - 1),
  fc.integer({ min: 0, max: 5 }),
);

function bigOf(bytes: readonly number[]): bigint {
  return BigInt(`0x${toHex(Uint8Array.from(bytes))}`);
}

describe('the position of an id', () => {
  it('is its upper 52 bits, read from bytes or from text', () => {
    fc.assert(
      fc.property(id, fc.nat({ max: 9 }), (bytes, at) => {
        const expected = Number(bigOf(bytes) >> BigInt(128 - ringBits));
        const placed = new Uint8Array(at + 16);
        placed.set(bytes, at);
        expect(positionOf(Uint8Array.from(bytes))).toBe(expected);
        expect(positionOf(placed, at)).toBe(expected);
        expect(positionOfText(toHex(Uint8Array.from(bytes)))).toBe(expected);
      }),
    );
  });

  it('is exact at both ends', () => {
    expect(positionOf(new Uint8Array(16))).toBe(0);
    expect(positionOf(new Uint8Array(16).fill(0xff))).toBe(2 ** 52 - 1);
    expect(positionOfText('0'.repeat(12) + '1' + 'f'.repeat(19))).toBe(1);
  });
});

describe('ways on the ring', () => {
  it('there and back make one turn', () => {
    fc.assert(
      fc.property(position, position, (a, b) => {
        const there = clockwise(a, b);
        expect(there).toBeGreaterThanOrEqual(0);
        expect(there).toBeLessThan(ringSize);
        expect(there + clockwise(b, a)).toBe(a === b ? 0 : ringSize);
        expect(wrap(a + there)).toBe(b);
        expect(wrap(b - there)).toBe(a);
      }),
    );
  });

  it('through a third position are as long as the straight one, or one turn longer', () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        expect(wrap(clockwise(a, b) + clockwise(b, c))).toBe(clockwise(a, c));
      }),
    );
  });

  it('have a shorter direction, and that one is the distance', () => {
    fc.assert(
      fc.property(position, position, position, (a, b, c) => {
        const d = distance(a, b);
        expect(d).toBe(Math.min(clockwise(a, b), clockwise(b, a)));
        expect(d).toBe(distance(b, a));
        expect(d === 0).toBe(a === b);
        expect(d).toBeLessThanOrEqual(ringSize / 2);
        expect(distance(a, c)).toBeLessThanOrEqual(d + distance(b, c));
      }),
    );
  });
});

describe('an arc', () => {
  /** Walks the full ids clockwise, one member after the other. */
  function between(x: bigint, from: bigint, to: bigint, all: readonly bigint[]): boolean {
    const order = [...all].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
    const start = order.indexOf(from);
    for (let i = 1; i <= order.length; i++) {
      const at = order[(start + i) % order.length];
      if (at === to) return false;
      if (at === x) return true;
    }
    return false;
  }

  it('holds what is met on the way, as whole ids in order say', () => {
    const three = fc
      .tuple(id, id, id)
      .filter((ids) => new Set(ids.map((bytes) => positionOf(Uint8Array.from(bytes)))).size === 3);
    fc.assert(
      fc.property(three, (ids) => {
        const [x, from, to] = ids.map(bigOf) as [bigint, bigint, bigint];
        const [px, pf, pt] = ids.map((bytes) => positionOf(Uint8Array.from(bytes))) as [
          number,
          number,
          number,
        ];
        expect(isInside(px, pf, pt)).toBe(between(x, from, to, [x, from, to]));
        expect(isInside(px, pf, pf)).toBe(true);
        // Exactly one of the two arcs holds it.
        expect(isInside(px, pt, pf)).toBe(!isInside(px, pf, pt));
      }),
    );
  });

  it('has neither of its ends', () => {
    fc.assert(
      fc.property(position, position, (from, to) => {
        expect(isInside(from, from, to)).toBe(false);
        expect(isInside(to, from, to)).toBe(false);
      }),
    );
  });

  it('to the next position is empty', () => {
    fc.assert(
      fc.property(position, position, (x, from) => {
        expect(isInside(x, from, wrap(from + 1))).toBe(false);
      }),
    );
  });
});
