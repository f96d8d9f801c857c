/** Messages by which announcements spread: their bytes, and what is none. */
import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../../src/core/lib/bytes.js';
import {
  announceLimit,
  encodeSubnets,
  maxInventory,
  parseSubnets,
  type SubnetsMessage,
} from '../../../src/core/wire/subnets.js';

const id = (n: number): string => n.toString(16).padStart(2, '0').repeat(16);
const pictures: readonly [string, SubnetsMessage, string][] = [
  [
    'tally',
    { type: 'tally', count: 3, digest: Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8) },
    '2800030102030405060708',
  ],
  [
    'inventory',
    { type: 'inventory', from: id(0), to: id(255), entries: [{ id: id(7), serial: 258 }] },
    `29${id(0)}${id(255)}01${id(7)}0000000000000102`,
  ],
  ['empty inventory', { type: 'inventory', from: id(0), to: id(255), entries: [] }, `29${id(0)}${id(255)}00`],
  [
    'announce',
    { type: 'announce', credential: Uint8Array.of(9, 9), announcement: Uint8Array.of(8) },
    '2a00020909000108',
  ],
];

describe('subnet messages', () => {
  it.each(pictures)('%s', (_, message, hex) => {
    expect(toHex(encodeSubnets(message))).toBe(hex);
    expect(parseSubnets(fromHex(hex) as Uint8Array)).toEqual(message);
    const bytes = fromHex(hex) as Uint8Array;
    for (let n = 0; n < bytes.length; n++) expect(parseSubnets(bytes.subarray(0, n))).toBeUndefined();
    expect(parseSubnets(Uint8Array.of(...bytes, 0))).toBeUndefined();
  });

  it('of other types are none of these', () => {
    for (const type of [0, 1, 5, 0x10, 0x16, 0x20, 0x21, 0x2b, 255])
      expect(parseSubnets(Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0))).toBeUndefined();
  });

  it('have a longest', () => {
    const entries = Array.from({ length: maxInventory + 1 }, (_, i) => ({ id: id(i), serial: i }));
    const inventory = { type: 'inventory', from: id(0), to: id(255), entries } as const;
    expect(() => encodeSubnets(inventory)).toThrow(RangeError);
    const most = encodeSubnets({ ...inventory, entries: entries.slice(1) });
    expect(most.length).toBeLessThan(announceLimit);
    most[33] = maxInventory + 1;
    expect(parseSubnets(Uint8Array.of(...most, ...new Uint8Array(24)))).toBeUndefined();
    const announcement = new Uint8Array(announceLimit);
    const longest = { type: 'announce', credential: new Uint8Array(0), announcement } as const;
    const bytes = encodeSubnets(longest);
    expect(parseSubnets(bytes)).toEqual(longest);
    expect(() => encodeSubnets({ ...longest, credential: Uint8Array.of(1) })).toThrow(RangeError);
  });
});
