import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import {
  encodeBirthday,
  encodeKnock,
  knockOf,
  parseBirthday,
  type BirthdayMessage,
} from '../../../src/core/wire/birthday.js';

const mark = Uint8Array.from({ length: 16 }, (_, i) => i);
const holes: BirthdayMessage = {
  type: 'holes',
  round: 0x01020304,
  both: true,
  towards: { host: '192.0.2.1', port: 443 },
  mark,
};

describe('what members say of a birthday', () => {
  it('is these bytes', () => {
    expect(toHex(encodeBirthday(holes))).toBe(
      ['3c', '01020304', '01', '00000000000000000000ffffc0000201', '01bb', toHex(mark)].join(''),
    );
    expect(toHex(encodeBirthday({ type: 'end', round: 9 }))).toBe('3d00000009');
  });

  it.each([holes, { ...holes, both: false }, { type: 'end', round: 7 } as const])('comes back: %o', (one) => {
    expect(parseBirthday(encodeBirthday(one))).toEqual(one);
  });

  it('is dropped when it is anything else', () => {
    const whole = encodeBirthday(holes);
    for (let length = 0; length < whole.length; length++)
      expect(parseBirthday(whole.subarray(0, length))).toBeUndefined();
    expect(parseBirthday(Uint8Array.of(...whole, 0))).toBeUndefined();
    expect(parseBirthday(Uint8Array.of(0x3d, 0, 0, 0, 9, 0))).toBeUndefined();
    const odd = whole.slice();
    odd[5] = 2;
    expect(parseBirthday(odd)).toBeUndefined();
    odd[0] = 0x3b;
    expect(parseBirthday(odd)).toBeUndefined();
  });
});

describe('a knock', () => {
  it('is known by the mark', () => {
    expect(toHex(encodeKnock('answer', mark))).toBe(`5f${toHex(mark)}`);
    expect(knockOf(encodeKnock('knock', mark), mark)).toBe('knock');
    expect(knockOf(encodeKnock('answer', mark), mark)).toBe('answer');
    expect(knockOf(encodeKnock('knock', mark), new Uint8Array(16))).toBeUndefined();
    expect(knockOf(fromHex(`50${toHex(mark)}`) as Uint8Array, mark)).toBeUndefined();
    expect(knockOf(encodeKnock('knock', mark).subarray(0, 16), mark)).toBeUndefined();
  });
});
