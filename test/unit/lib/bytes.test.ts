import { describe, expect, it } from 'vitest';
import {
  ByteReader,
  ByteWriter,
  compareBytes,
  concatBytes,
  copyBytes,
  equalBytes,
  equalSecret,
  fromBase64Url,
  fromHex,
  toBase64Url,
  toHex,
  utf8,
  wipe,
} from '../../../src/core/lib/bytes.js';

const b = (...values: number[]): Uint8Array => Uint8Array.from(values);

describe('comparison', () => {
  it.each([
    [b(), b(), 0],
    [b(1), b(), 1],
    [b(1, 2), b(1, 3), -1],
    [b(255), b(1, 9), 1],
    [b(1), b(1, 0), -1],
  ])('orders %s and %s', (x, y, sign) => {
    expect(Math.sign(compareBytes(x, y))).toBe(sign);
    expect(Math.sign(compareBytes(y, x))).toBe(sign === 0 ? 0 : -sign);
    expect(equalBytes(x, y)).toBe(sign === 0);
    expect(equalSecret(x, y)).toBe(sign === 0);
  });
});

describe('copies', () => {
  it('copyBytes does not share memory, not even with a Buffer', () => {
    const buffer = Buffer.from([1, 2, 3]);
    const copy = copyBytes(buffer);
    buffer[0] = 9;
    expect(copy).toEqual(b(1, 2, 3));
    expect(Buffer.isBuffer(copy)).toBe(false);
  });
  it('a reader copies out of a Buffer', () => {
    const buffer = Buffer.from([0, 2, 7, 8, 9]);
    const reader = new ByteReader(buffer);
    const block = reader.block();
    const rest = reader.rest();
    buffer.fill(0);
    expect(block).toEqual(b(7, 8));
    expect(rest).toEqual(b(9));
  });
  it('concatBytes joins in order', () => {
    expect(concatBytes(b(1), b(), b(2, 3))).toEqual(b(1, 2, 3));
    expect(concatBytes()).toEqual(b());
  });
  it('wipe leaves zeros', () => {
    const secret = b(1, 2);
    wipe(secret);
    expect(secret).toEqual(b(0, 0));
  });
});

describe('hex', () => {
  it.each([
    [b(), ''],
    [b(0, 15, 255), '000fff'],
  ])('%s is %s', (bytes, text) => {
    expect(toHex(bytes)).toBe(text);
    expect(fromHex(text)).toEqual(bytes);
  });
  it('takes capitals and respects views', () => {
    expect(fromHex('AbCd')).toEqual(b(0xab, 0xcd));
    expect(toHex(b(1, 2, 3, 4).subarray(1, 3))).toBe('0203');
  });
  it.each(['0', 'zz', '0x', ' 00', '00\n'])('%j is none', (text) => {
    expect(fromHex(text)).toBeUndefined();
  });
});

describe('base64url', () => {
  it.each([
    [b(), ''],
    [b(0xff), '_w'],
    [b(0xfb, 0xef), '--8'],
    [b(1, 2, 3), 'AQID'],
  ])('%s is %s', (bytes, text) => {
    expect(toBase64Url(bytes)).toBe(text);
    expect(fromBase64Url(text)).toEqual(bytes);
  });
  it.each(['A', '_x', 'AQ==', 'A+', 'AQ ID', 'AQI\n'])(
    '%j is none: padded, foreign or not canonical',
    (text) => {
      expect(fromBase64Url(text)).toBeUndefined();
    },
  );
});

describe('ByteWriter', () => {
  it('writes in network order and grows from nothing', () => {
    const bytes = new ByteWriter(0)
      .u8(1)
      .u16(0x0203)
      .u32(0xfffefdfc)
      .u64(2 ** 40 + 5)
      .text('é')
      .block(b(9))
      .finish();
    expect(toHex(bytes)).toBe('01' + '0203' + 'fffefdfc' + '0000010000000005' + '02c3a9' + '000109');
  });
  it('hands out a copy', () => {
    const writer = new ByteWriter().u8(1);
    const first = writer.finish();
    first[0] = 9;
    expect(writer.finish()).toEqual(b(1));
  });
  it('throws on blocks and texts that their length cannot tell', () => {
    expect(() => new ByteWriter().block(new Uint8Array(65_536))).toThrow(RangeError);
    expect(() => new ByteWriter().text('é'.repeat(128))).toThrow(RangeError);
    expect(new ByteWriter().block(new Uint8Array(65_535)).finish()).toHaveLength(65_537);
    expect(new ByteWriter().text('a'.repeat(255)).finish()).toHaveLength(256);
  });
});

describe('ByteReader', () => {
  it('is done only when nothing is left', () => {
    const reader = new ByteReader(b(1, 2));
    expect(reader.done).toBe(false);
    reader.u16();
    expect(reader.done).toBe(true);
    expect(reader.offset).toBe(2);
  });
  it('reads past the end as zeros and empties, and stays failed', () => {
    const reader = new ByteReader(b(1));
    expect(reader.u32()).toBe(0);
    expect(reader.failed).toBe(true);
    expect([reader.u8(), reader.u16(), reader.u64()]).toEqual([0, 0, 0]);
    expect(reader.bytes(16)).toEqual(new Uint8Array(16));
    expect(reader.block()).toEqual(b());
    expect(reader.text()).toBe('');
    expect(reader.rest()).toEqual(b());
    expect(reader.done).toBe(false);
  });
  it('does not allocate what a hostile length claims', () => {
    const reader = new ByteReader(b(0xff, 0xff, 1));
    expect(reader.block()).toEqual(b());
    expect(reader.failed).toBe(true);
  });
  it('fails on integers over 2^53 and on bad UTF-8', () => {
    const large = new ByteReader(b(0, 0x20, 0, 0, 0, 0, 0, 0));
    expect(large.u64()).toBe(0);
    expect(large.failed).toBe(true);
    const largest = new ByteReader(b(0, 0x1f, 255, 255, 255, 255, 255, 255));
    expect(largest.u64()).toBe(Number.MAX_SAFE_INTEGER);
    expect(largest.done).toBe(true);
    const text = new ByteReader(b(2, 0xc3, 0x28));
    expect(text.text()).toBe('');
    expect(text.failed).toBe(true);
  });
  it('reads the text that was written', () => {
    expect(new ByteReader(new ByteWriter().text('grüße ☃').finish()).text()).toBe('grüße ☃');
    expect(utf8('☃')).toEqual(b(0xe2, 0x98, 0x83));
  });
});
