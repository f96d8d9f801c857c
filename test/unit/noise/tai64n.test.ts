import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import { compareStamps, stampOf, StampSource } from '../../../src/core/noise/tai64n.js';

describe('stamps', () => {
  it.each([
    ['the epoch', 0n, '400000000000000a00000000'],
    ['one second and one nanosecond', 1_000_000_001n, '400000000000000b00000001'],
    // 2026-11-22T12:00:00.5Z
    ['a day this year', 1_795_348_800_500_000_000n, '400000006b02d94a1dcd6500'],
  ])('%s', (_name, nanoseconds, hex) => {
    expect(toHex(stampOf(nanoseconds))).toBe(hex);
  });

  it('sort as they follow', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), fc.bigInt({ min: 0n, max: 2n ** 62n }), (a, b) => {
        const sign = a < b ? -1 : a > b ? 1 : 0;
        expect(Math.sign(compareStamps(stampOf(a), stampOf(b)))).toBe(sign);
      }),
    );
  });
});

describe('StampSource', () => {
  it('rises strictly, whatever the calendar does', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -5, max: 2 ** 42 }), { minLength: 2, maxLength: 50 }),
        (dates) => {
          let date = 0;
          const source = new StampSource({ date: () => date });
          let last: Uint8Array | undefined;
          for (date of dates) {
            for (let i = 0; i < 3; i++) {
              const stamp = source.next();
              if (last) expect(compareStamps(stamp, last)).toBeGreaterThan(0);
              last = stamp;
            }
          }
        },
      ),
    );
  });

  it('follows the calendar when that goes on', () => {
    let date = 1_795_348_800_000;
    const source = new StampSource({ date: () => date });
    expect(source.next()).toEqual(stampOf(BigInt(date) * 1_000_000n));
    date += 5_000;
    expect(source.next()).toEqual(stampOf(BigInt(date) * 1_000_000n));
  });
});
