import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/core/lib/bytes.js';
import { addressText } from '../../src/core/lib/endpoint.js';
import {
  batchIsWhole,
  batchOf,
  bindLength,
  encodeBind,
  encodeBound,
  encodeUnbound,
  openBound,
  parseUnbound,
  peekAssociation,
  verifyBind,
} from '../../src/core/wire/relay.js';

const key = fc.uint8Array({ minLength: 32, maxLength: 32 });
const association = fc.integer({ min: 0, max: 0xffffffff });
const endpoint = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 65535 }))
  .map(([bytes, port]) => ({ host: addressText(bytes), port }));

describe('relay packets', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(association, fc.maxSafeNat(), endpoint, key, (index, counter, observed, secret) => {
        const bind = encodeBind(index, counter, secret);
        expect(verifyBind(bind, secret)).toBe(true);
        expect(peekAssociation(bind)).toEqual({ association: index, counter });
        const bound = encodeBound(index, counter, observed, secret);
        expect(peekAssociation(bound)).toEqual({ association: index, counter });
        expect(openBound(bound, secret)).toEqual(observed);
        expect(parseUnbound(encodeUnbound(index))).toBe(index);
      }),
    );
  });

  it('made up, they are neither genuine nor a reason to throw', () => {
    const sized = fc.oneof(
      fc.uint8Array({ maxLength: 80 }),
      fc.uint8Array({ minLength: bindLength, maxLength: bindLength }),
    );
    fc.assert(
      fc.property(
        sized,
        fc.constantFrom(0x5a, 0x5b, 0x5c, 0),
        fc.constantFrom(1, 2),
        key,
        (bytes, type, version, secret) => {
          if (bytes.length > 1) {
            bytes[0] = type;
            bytes[1] = version;
          }
          peekAssociation(bytes);
          parseUnbound(bytes);
          batchIsWhole(bytes);
          expect(verifyBind(bytes, secret)).toBe(false);
          expect(openBound(bytes, secret)).toBeUndefined();
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe('batches', () => {
  const packets = fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 8 });
  it('of packets are whole; with a tail cut or added inside a packet they are not', () => {
    fc.assert(
      fc.property(packets, fc.nat(), (list, at) => {
        const batch = concatBytes(...list.map(batchOf));
        expect(batchIsWhole(batch)).toBe(true);
        const borders = new Set([0]);
        let end = 0;
        for (const packet of list) borders.add((end += 2 + packet.length));
        const cut = at % batch.length;
        expect(batchIsWhole(batch.subarray(0, cut))).toBe(borders.has(cut));
        expect(batchIsWhole(concatBytes(batch, Uint8Array.of(1)))).toBe(false);
      }),
    );
  });
});
