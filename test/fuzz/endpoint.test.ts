import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteReader, ByteWriter } from '../../src/core/lib/bytes.js';
import {
  addressBytes,
  addressText,
  formatEndpoint,
  parseEndpoint,
  parseHostPort,
  readEndpoint,
  writeEndpoint,
} from '../../src/core/lib/endpoint.js';

const port = fc.integer({ min: 0, max: 65535 });
/** Sixteen bytes with many zero words, where the shortening has its corners. */
const address = fc
  .array(fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffff })), {
    minLength: 8,
    maxLength: 8,
  })
  .map((words) => Uint8Array.from(words.flatMap((word) => [word >> 8, word & 0xff])));

describe('addresses', () => {
  it('any 16 bytes have a text that parses to the same bytes', () => {
    fc.assert(
      fc.property(address, (bytes) => {
        const text = addressText(bytes);
        expect(isIP(text)).not.toBe(0);
        expect(addressBytes(text)).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it('agree with the URL parser on the canonical text (WHATWG follows RFC 5952)', () => {
    fc.assert(
      fc.property(address, (bytes) => {
        const text = addressText(bytes);
        fc.pre(text.includes(':'));
        expect(`[${text}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 1000 },
    );
  });

  it('every spelling of fast-check is understood as node:net does', () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const bytes = addressBytes(text);
        expect(bytes !== undefined).toBe(isIP(text) !== 0);
        if (bytes) expect(addressBytes(addressText(bytes))).toEqual(bytes);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('endpoints', () => {
  it('round-trip as text and on the wire', () => {
    fc.assert(
      fc.property(address, port, (bytes, number) => {
        const endpoint = { host: addressText(bytes), port: number };
        expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint);
        const writer = new ByteWriter();
        writeEndpoint(writer, endpoint);
        expect(writer.finish()).toHaveLength(18);
        expect(readEndpoint(new ByteReader(writer.finish()))).toEqual(endpoint);
      }),
    );
  });

  it('never throw on any text, and what parses is canonical', () => {
    const hostile = fc.string({ unit: fc.constantFrom(...'0123456789abcF:.[]%/- x'), maxLength: 30 });
    fc.assert(
      fc.property(fc.oneof(fc.string(), hostile), (text) => {
        parseHostPort(text);
        addressBytes(text);
        const endpoint = parseEndpoint(text);
        if (endpoint) expect(parseEndpoint(formatEndpoint(endpoint))).toEqual(endpoint);
      }),
      { numRuns: 5000 },
    );
  });
});
