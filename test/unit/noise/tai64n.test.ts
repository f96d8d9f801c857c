import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import { compareStamps, stampDate, stampOf, StampSource } from '../../../src/core/noise/tai64n.js';

describe('stamps', () => {
  it.each([
    ['the epoch', 0n, '400000000000000a00000000'],
    ['one second and one nanosecond', 1_000_000_001n, '400000000000000b00000001'],
    // 2026-11-22T12:00:00.5Z
    ['a day this year', 1_795_348_800_500_000_000n, '400000006b02d94a1dcd6500'],
  ])('%s', (_name, nanoseconds, hex) => {
    expect(toHex(stampOf(nanoseconds))).toBe(hex);
    expect(stampDate(stampOf(nanoseconds))).toBeCloseTo(Number(nanoseconds) / 1e6, 3);
  });

  it('sort as they follow', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 62n }), fc.bigInt({ min: 0n, max: 2n ** 62n }), (a, b) => {
        const sign = a < b ? -1 : a > b ? 1 : 0;
        expect(Math.sign(compareStamps(stampOf(a), stampOf(b)))).toBe(sign);
      }),
    );
  });

  it('has no date when it is no stamp', () => {
    expect(stampDate(new Uint8Array(11))).toBeUndefined();
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
    expect(stampDate(source.next())).toBeCloseTo(date, 3);
    date += 5_000;
    expect(stampDate(source.next())).toBeCloseTo(date, 3);
  });
});
