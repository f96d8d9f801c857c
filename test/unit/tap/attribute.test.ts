import { expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import { attribute, numberAttribute, textAttribute } from '../../../src/core/tap/attribute.js';
import { encodeBridge } from '../../../src/core/tap/link-message.js';
import { encodeRoute } from '../../../src/core/tap/route-message.js';
import { encodeRule } from '../../../src/core/tap/rule-message.js';
import { encodeArrivals } from '../../../src/core/tap/tc-message.js';
import { parsePrefix } from '../../../src/core/lib/prefix.js';

it.each([
  ['an empty value', attribute(7), '04000700'],
  ['a value that is filled up', attribute(7, Uint8Array.of(1, 2, 3, 4, 5)), '090007000102030405000000'],
  ['attributes within one', attribute(1, attribute(2), attribute(3)), '0c0001000400020004000300'],
  ['a text', textAttribute(3, 'br0'), '0800030062723000'],
  ['a number', numberAttribute(4, 1350), '0800040046050000'],
  [
    'a bridge',
    encodeBridge('br0'),
    '000000000000000000000000000000000800030062723000100012000b00010062726964676500' + '00',
  ],
  [
    'a place for arrivals',
    encodeArrivals(5),
    '00000000050000000000fffff1ffffff000000000b000100636c736163740000',
  ],
  [
    'a route',
    encodeRoute({
      prefix: parsePrefix('10.1.0.0/16')!,
      metric: 8,
      via: { device: 3, gateway: Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 10, 0, 0, 1) },
    }),
    '02100000fe9000010000000008000100' +
      '0a010000' +
      '0800060008000000' +
      '0800040003000000' +
      '080005000a000001',
  ],
  [
    'a rule',
    encodeRule({ v4: true, priority: 9, table: 77, bound: 'evio0', noDefault: true }),
    '020000000000000100000000' +
      '0800060009000000' +
      '08000f004d000000' +
      '0500150090000000' +
      '0a0011006576696f30000000' +
      '08000e0000000000',
  ],
])('%s', (_, bytes, hex) => {
  expect(toHex(bytes)).toBe(hex);
});
