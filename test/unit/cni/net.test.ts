/** What the plugin of one file has in the place of node:net. */
import fc from 'fast-check';
import { createRequire } from 'node:module';
import { isIPv6 } from 'node:net';
import { expect, it } from 'vitest';

const quick = createRequire(import.meta.url)('../../../scripts/program/net.cjs') as { isIPv6: typeof isIPv6 };

it('knows addresses of IPv6 as Node does', () => {
  const piece = fc.constantFrom(
    '0',
    'f',
    '1234',
    'fE80',
    '12345',
    'g',
    '',
    '255',
    '1.2.3.4',
    '1.2.3.256',
    '01.2.3.4',
    '%eth0',
  );
  const near = fc.array(piece, { maxLength: 10 }).map((pieces) => pieces.join(':'));
  fc.assert(
    fc.property(fc.oneof(fc.ipV6(), near, fc.string()), (text) => {
      expect(quick.isIPv6(text)).toBe(isIPv6(text));
    }),
    { numRuns: 2_000 },
  );
});
