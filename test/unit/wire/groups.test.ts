import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import {
  encodeAnnounce,
  encodeAsk,
  encodeTable,
  everything,
  groupsLimit,
  nothing,
  parseGroups,
  wantedLimit,
  type TableEntry,
} from '../../../src/core/wire/groups.js';
import { positionOf } from '../../../src/core/topology/position.js';

const keys = Int32Array.of(-5, 0x5e01_0203);

describe('groups messages', () => {
  it.each([
    ['announce', encodeAnnounce({ all: false, keys }), '22 01 00 0002 fffffffb 5e010203'],
    ['announce of everything', encodeAnnounce(everything), '22 01 01 0000'],
    ['announce of nothing', encodeAnnounce(nothing), '22 01 00 0000'],
    ['ask', encodeAsk(), '22 02'],
    [
      'table',
      encodeTable([
        {
          position: positionOf(fromHex('0123456789abcdef') as Uint8Array),
          ageSeconds: 7,
          wanted: { all: false, keys },
        },
      ])[0] as Uint8Array,
      '22 03 01 0123456789abc000 0007 00 0002 fffffffb 5e010203',
    ],
  ])('%s', (_, bytes, hex) => {
    expect(toHex(bytes)).toBe(hex.replaceAll(' ', ''));
  });

  it('come back as they were', () => {
    expect(parseGroups(encodeAnnounce({ all: false, keys }).subarray(1))).toEqual({
      type: 'announce',
      wanted: { all: false, keys },
    });
    expect(parseGroups(encodeAsk().subarray(1))).toEqual({ type: 'ask' });
  });

  it('spread a large table over packets that fit, the last marked', () => {
    const entries: TableEntry[] = Array.from({ length: 300 }, (_, i) => ({
      position: i * 2 ** 40 + i,
      ageSeconds: i,
      wanted:
        i % 50 === 0
          ? { all: false, keys: Int32Array.from({ length: wantedLimit }, (_, k) => k) }
          : everything,
    }));
    const packets = encodeTable(entries);
    expect(packets.length).toBeGreaterThan(5);
    const parsed = packets.map((packet) => {
      expect(packet.length).toBeLessThanOrEqual(groupsLimit);
      const message = parseGroups(packet.subarray(1));
      if (message?.type !== 'table') throw new Error('not a table');
      return message;
    });
    expect(parsed.flatMap((message) => message.entries)).toEqual(entries);
    expect(parsed.map((message) => message.last)).toEqual(packets.map((_, i) => i === packets.length - 1));
  });

  it('of an empty table are one packet', () => {
    expect(encodeTable([]).map(toHex)).toEqual(['220301']);
    expect(parseGroups(Uint8Array.of(3, 1))).toEqual({ type: 'table', last: true, entries: [] });
  });

  it.each([
    ['empty', ''],
    ['unknown type', '04'],
    ['cut', '01000002fffffffb5e0102'],
    ['surplus', '010000015e01020300'],
    ['keys out of order', '010000025e010203fffffffb'],
    ['a key twice', '010000025e0102035e010203'],
    ['everything, and keys', '010100015e010203'],
    ['too many keys', '01000101' + '00'.repeat(257 * 4)],
    ['ask with a body', '0200'],
    ['half an entry', '03010123456789abc00000'],
  ])('refuses %s', (_, hex) => {
    expect(parseGroups(fromHex(hex) as Uint8Array)).toBeUndefined();
  });
});
