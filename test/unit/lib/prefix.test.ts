/** Prefixes of both families: their texts, and which holds which. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  cidrOfPrefix,
  comparePrefixes,
  containsPrefix,
  equalPrefixes,
  formatPrefix,
  isIpv4Prefix,
  parsePrefix,
  prefixBytes,
  prefixesOverlap,
  prefixOfBytes,
  prefixOfCidr,
  type Prefix,
} from '../../../src/core/lib/prefix.js';
import { prefix } from '../../support/subnets.js';

describe('prefixes', () => {
  it.each([
    ['192.168.7.0/24', '192.168.7.0/24'],
    ['0.0.0.0/0', '0.0.0.0/0'],
    ['10.1.2.3/32', '10.1.2.3/32'],
    ['FD00:7:0::/64', 'fd00:7::/64'],
    ['::/0', '::/0'],
    ['2001:db8::1/128', '2001:db8::1/128'],
  ])('reads %s and writes %s', (text, canonical) => {
    expect(formatPrefix(prefix(text))).toBe(canonical);
  });

  it.each([
    '',
    '/24',
    '192.168.7.0',
    '192.168.7.1/24',
    '192.168.7.0/33',
    '192.168.07.0/24',
    '192.168.7/24',
    'fd00::1/64',
    'fd00::/129',
    'fd00::%eth0/64',
    '::ffff:10.0.0.0/104',
    '::ffff:10.0.0.0/8',
    '10.0.0.0/8 ',
    'lan/24',
  ])('refuses %s', (text) => {
    expect(parsePrefix(text)).toBeUndefined();
  });

  it.each([
    ['10.0.0.0/8', '10.1.0.0/16', true],
    ['10.1.0.0/16', '10.0.0.0/8', false],
    ['10.0.0.0/8', '11.0.0.0/16', false],
    ['0.0.0.0/0', '192.0.2.0/24', true],
    ['fd00::/8', 'fd12:3::/32', true],
    ['::/0', 'fd12:3::/32', true],
    ['::/0', '10.0.0.0/8', false],
    ['::/64', '10.0.0.0/8', false],
    ['fd00:0:0:1::/64', 'fd00:0:0:2::/64', false],
  ])('%s holds %s: %s', (outer, inner, holds) => {
    expect(containsPrefix(prefix(outer), prefix(inner))).toBe(holds);
    expect(prefixesOverlap(prefix(inner), prefix(outer))).toBe(
      holds || containsPrefix(prefix(inner), prefix(outer)),
    );
  });

  it('are ranges of IPv4 and back', () => {
    const range = { base: 0xc0a8_0700, prefix: 24 };
    expect(formatPrefix(prefixOfCidr(range))).toBe('192.168.7.0/24');
    expect(cidrOfPrefix(prefixOfCidr(range))).toEqual(range);
    expect(cidrOfPrefix(prefix('fd00::/8'))).toBeUndefined();
  });

  const any: fc.Arbitrary<Prefix> = fc.oneof(
    fc
      .tuple(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.integer({ min: 0, max: 128 }))
      .map(([bytes, length]) => prefixOfBytes(bytes, length)),
    fc
      .tuple(fc.uint8Array({ minLength: 4, maxLength: 4 }), fc.integer({ min: 0, max: 32 }))
      .map(([bytes, length]) =>
        prefixOfBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...bytes), 96 + length),
      ),
  );

  it('are the same after they were text or bytes, and in order when one holds another', () => {
    fc.assert(
      fc.property(any, any, fc.integer({ min: 0, max: 128 }), (a, b, longer) => {
        const again = parsePrefix(formatPrefix(a));
        expect(again && equalPrefixes(again, a)).toBe(true);
        expect(equalPrefixes(prefixOfBytes(prefixBytes(a), a.length), a)).toBe(true);
        if (containsPrefix(a, b) && !equalPrefixes(a, b)) expect(comparePrefixes(a, b)).toBeLessThan(0);
        const length = Math.max(a.length, longer);
        const inside = prefixOfBytes(prefixBytes(a), length);
        if (isIpv4Prefix(a) === isIpv4Prefix(inside)) expect(containsPrefix(a, inside)).toBe(true);
      }),
    );
  });
});
