import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressText } from '../../src/core/lib/endpoint.js';
import {
  answerBinding,
  encodeBindingRequest,
  encodeBindingResponse,
  parseBindingRequest,
  parseBindingResponse,
} from '../../src/core/wire/stun.js';

const transactionId = fc.uint8Array({ minLength: 12, maxLength: 12 });
const endpoint = fc
  .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.boolean(), fc.integer({ min: 0, max: 65535 }))
  .map(([bytes, is4, port]) => {
    if (is4) bytes.fill(0, 0, 10).fill(0xff, 10, 12);
    return { host: addressText(bytes), port };
  });

/** A header that is right in all but, perhaps, its attributes. */
const framed = fc
  .tuple(
    fc.constantFrom(0x0001, 0x0101, 0x0111, 0x0011),
    transactionId,
    fc.array(
      fc.tuple(
        fc.oneof(fc.constantFrom(1, 3, 6, 8, 9, 0x0a, 0x1c, 0x20, 0x24, 0x8022, 0x8028), fc.nat(0xffff)),
        fc.uint8Array({ maxLength: 24 }),
        fc.option(fc.nat(0xffff), { freq: 12 }),
      ),
      { maxLength: 6 },
    ),
  )
  .map(([type, id, attributes]) => {
    const body = attributes.flatMap(([kind, value, lie]) => {
      const length = lie ?? value.length;
      const padding = new Array<number>(-value.length & 3).fill(0);
      return [kind >> 8, kind & 0xff, length >> 8, length & 0xff, ...value, ...padding];
    });
    return Uint8Array.from([
      type >> 8,
      type & 0xff,
      body.length >> 8,
      body.length & 0xff,
      0x21,
      0x12,
      0xa4,
      0x42,
      ...id,
      ...body,
    ]);
  });

describe('STUN', () => {
  it('tells every endpoint to every transaction', () => {
    fc.assert(
      fc.property(
        transactionId,
        endpoint,
        fc.boolean(),
        fc.option(fc.string({ maxLength: 40 })),
        (id, source, fingerprint, software) => {
          const request = parseBindingRequest(encodeBindingRequest(id, { fingerprint }));
          expect(request).toEqual({ transactionId: id, fingerprint, unknown: [], changePort: false });
          const response = encodeBindingResponse(id, source, {
            fingerprint,
            ...(software !== null && { software }),
          });
          expect(parseBindingResponse(response)).toEqual({ transactionId: id, mapped: source });
        },
      ),
    );
  });

  it('never throws on hostile bytes, and answers no longer than the bound it states', () => {
    const source = { host: '2001:db8::1', port: 9 };
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 1600 }), framed), (bytes) => {
        parseBindingResponse(bytes);
        const answer = answerBinding(bytes, source);
        if (answer) {
          expect(answer.length).toBeLessThanOrEqual(bytes.length + 24);
          expect(parseBindingResponse(answer)?.transactionId).toEqual(bytes.slice(8, 20));
        }
      }),
      { numRuns: 5000 },
    );
  });

  it('does answer some of what the generator makes', () => {
    const answered = fc
      .sample(framed, { numRuns: 500, seed: 1 })
      .filter((bytes) => answerBinding(bytes, { host: '::1', port: 1 }));
    expect(answered.length).toBeGreaterThan(20);
  });

  it('cut anywhere it is nothing', () => {
    fc.assert(
      fc.property(transactionId, endpoint, fc.nat(100), (id, source, cut) => {
        const response = encodeBindingResponse(id, source, { fingerprint: true });
        fc.pre(cut < response.length);
        expect(parseBindingResponse(response.subarray(0, cut))).toBeUndefined();
      }),
    );
  });
});
