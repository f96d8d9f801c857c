import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { depthOf, floodDepth, floodHeaderLength, maxBatch } from '../../../src/core/wire/flood.js';
import { floodBatch, floodOf } from '../../support/floods.js';

const inner = Uint8Array.of(0, 1, 2, 3);

describe('a flood', () => {
  it('has the place that its picture says', () => {
    const flood = floodOf(3, 0x0102_0304, inner, { epoch: 0x0a0b_0c0d_0e0f, ttl: 9, flags: 1, bound: 7 });
    const hex = Buffer.from(flood).toString('hex');
    expect(hex.slice(0, 22)).toBe('230901' + '07'.repeat(6) + '0000');
    expect(hex.slice(150)).toBe('00' + '03'.repeat(16) + '0a0b0c0d0e0f' + '01020304' + '00010203');
    expect(floodDepth(flood, 1, flood.length - 1)).toBe(0);
    expect(flood.length).toBe(1 + floodHeaderLength(0) + inner.length);
  });

  it.each([
    [1, 0],
    [2, 1],
    [3, 2],
    [4, 2],
    [5, 3],
    [31, 5],
    [maxBatch, 5],
  ])('of a batch of %i is in a tree of depth %i', (leaves, depth) => {
    expect(depthOf(leaves)).toBe(depth);
    const says = Array.from({ length: leaves }, (_, sequence) => ({ origin: 1, sequence, inner }));
    for (const flood of floodBatch(says)) {
      expect(floodDepth(flood, 1, flood.length - 1)).toBe(depth);
      expect(flood.length).toBe(1 + floodHeaderLength(depth) + inner.length);
      // Less than two bytes of inner plaintext.
      expect(floodDepth(flood, 1, floodHeaderLength(depth) + 1)).toBe(-1);
    }
  });

  it('is none with a leaf that the tree has not, or a tree that is too deep', () => {
    const flood = floodOf(1, 1, new Uint8Array(400));
    const at = (depth: number, leaf: number): number => {
      flood[75] = (depth << 5) | leaf;
      return floodDepth(flood, 1, flood.length - 1);
    };
    expect([at(0, 0), at(0, 1), at(2, 3), at(2, 4), at(5, 31), at(6, 0), at(7, 31)]).toEqual([
      0, -1, 2, -1, 5, -1, -1,
    ]);
  });

  it('is read within its length, whatever is in it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(300), (bytes, cut) => {
        const length = Math.min(cut, bytes.length);
        const depth = floodDepth(bytes, 0, length);
        if (depth >= 0) expect(floodHeaderLength(depth) + 2).toBeLessThanOrEqual(length);
      }),
      { numRuns: 5_000 },
    );
  });
});
