import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  ByteWriter,
  compareBytes,
  concatBytes,
  equalBytes,
  fromBase64Url,
  fromHex,
  toBase64Url,
  toHex,
} from '../../src/core/lib/bytes.js';

/** One thing that a writer can write and a reader must give back. */
const field = fc.oneof(
  fc.record({ kind: fc.constant('u8' as const), value: fc.integer({ min: 0, max: 0xff }) }),
  fc.record({ kind: fc.constant('u16' as const), value: fc.integer({ min: 0, max: 0xffff }) }),
  fc.record({ kind: fc.constant('u32' as const), value: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.record({ kind: fc.constant('u64' as const), value: fc.maxSafeNat() }),
  fc.record({ kind: fc.constant('block' as const), value: fc.uint8Array({ maxLength: 600 }) }),
  fc.record({ kind: fc.constant('text' as const), value: fc.string({ unit: 'grapheme', maxLength: 20 }) }),
);
type Field = typeof field extends fc.Arbitrary<infer T> ? T : never;

function write(writer: ByteWriter, item: Field): void {
  if (item.kind === 'block') writer.block(item.value);
  else if (item.kind === 'text') writer.text(item.value);
  else writer[item.kind](item.value);
}

describe('writer and reader', () => {
  it('give back what was written, from any start capacity, out of any part of a Buffer', () => {
    fc.assert(
      fc.property(fc.array(field, { maxLength: 30 }), fc.nat(64), fc.nat(9), (fields, capacity, offset) => {
        const writer = new ByteWriter(capacity);
        for (const item of fields) write(writer, item);
        const written = writer.finish();
        const buffer = Buffer.concat([Buffer.alloc(offset), written, Buffer.alloc(3)]);
        const reader = new ByteReader(buffer.subarray(offset, offset + written.length));
        for (const item of fields) expect(reader[item.kind]()).toEqual(item.value);
        expect(reader.done).toBe(true);
      }),
    );
  });

  it('fail without throwing on any cut, and stay failed', () => {
    fc.assert(
      fc.property(
        fc.array(field, { minLength: 1, maxLength: 10 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (fields, part) => {
          const writer = new ByteWriter();
          for (const item of fields) write(writer, item);
          const whole = writer.finish();
          const cut = whole.subarray(0, Math.min(whole.length - 1, Math.floor(whole.length * part)));
          const reader = new ByteReader(cut);
          for (const item of fields) reader[item.kind]();
          expect(reader.failed).toBe(true);
          expect(reader.done).toBe(false);
          expect(reader.rest()).toHaveLength(0);
        },
      ),
    );
  });

  it('survive any reads of any bytes', () => {
    const read = fc.constantFrom('u8', 'u16', 'u32', 'u64', 'block', 'text', 'rest');
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.array(read, { maxLength: 40 }), (bytes, reads) => {
        const reader = new ByteReader(bytes);
        for (const name of reads) reader[name as 'u8']();
        expect(reader.offset).toBeLessThanOrEqual(bytes.length);
        if (reader.done) expect(reader.offset).toBe(bytes.length);
      }),
    );
  });
});

describe('text forms', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        expect(fromHex(toHex(bytes))).toEqual(bytes);
        expect(fromBase64Url(toBase64Url(bytes))).toEqual(bytes);
      }),
    );
  });
  it('have one spelling: what parses is printed the same', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'AZaz09-_+/= f'), maxLength: 12 }), (text) => {
        const b64 = fromBase64Url(text);
        if (b64) expect(toBase64Url(b64)).toBe(text);
        const hex = fromHex(text);
        if (hex) expect(toHex(hex)).toBe(text.toLowerCase());
      }),
      { numRuns: 1000 },
    );
  });
});

it('compareBytes is the order of the hex texts, and total', () => {
  const bytes = fc.uint8Array({ maxLength: 6 });
  fc.assert(
    fc.property(bytes, bytes, bytes, (a, b, c) => {
      const [x, y] = [toHex(a), toHex(b)];
      expect(Math.sign(compareBytes(a, b))).toBe(x < y ? -1 : x > y ? 1 : 0);
      expect(equalBytes(a, b)).toBe(compareBytes(a, b) === 0);
      if (compareBytes(a, b) <= 0 && compareBytes(b, c) <= 0)
        expect(compareBytes(a, c)).toBeLessThanOrEqual(0);
      expect(concatBytes(a, b, c)).toHaveLength(a.length + b.length + c.length);
    }),
  );
});
