/** Announcements of subnets and the messages that carry them, under fire. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  maxSubnets,
  mayBeSubnet,
  parseAnnouncement,
  signAnnouncement,
} from '../../src/core/identity/announcement.js';
import { generateKeys } from '../../src/core/identity/keys.js';
import { toHex } from '../../src/core/lib/bytes.js';
import { prefixOf } from '../../src/core/lib/prefix.js';
import {
  maxInventory,
  encodeSubnets,
  parseSubnets,
  type SubnetsMessage,
} from '../../src/core/wire/subnets.js';
import { SeededRandom } from '../support/virtual.js';

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toHex);
const message: fc.Arbitrary<SubnetsMessage> = fc.oneof(
  fc.record({
    type: fc.constant('tally'),
    count: fc.integer({ min: 0, max: 0xffff }),
    digest: fc.uint8Array({ minLength: 8, maxLength: 8 }),
  }),
  fc.record({
    type: fc.constant('inventory'),
    from: id,
    to: id,
    entries: fc.array(fc.record({ id, serial: fc.maxSafeNat() }), { maxLength: maxInventory }),
  }),
  fc.record({
    type: fc.constant('announce'),
    credential: fc.uint8Array({ maxLength: 500 }),
    announcement: fc.uint8Array({ maxLength: 600 }),
  }),
);

describe('subnet messages', () => {
  it('round-trip, and throw nothing when they are cut or changed', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.nat(255), fc.nat(), (sent, at, value, cut) => {
        const bytes = encodeSubnets(sent);
        expect(parseSubnets(bytes)).toEqual(sent);
        expect(parseSubnets(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        bytes[at % bytes.length] = value;
        parseSubnets(bytes);
      }),
      { numRuns: 500 },
    );
  });
});

describe('announcements', () => {
  const keys = generateKeys(new SeededRandom(1));
  const four = fc.tuple(fc.nat(0xffff_ffff), fc.integer({ min: 8, max: 32 }));
  const six = fc.tuple(fc.nat(0xffff_ffff), fc.nat(0xffff_ffff), fc.integer({ min: 16, max: 64 }));
  const subnet = fc.oneof(
    four.map(([ip, bits]) => prefixOf([0, 0, 0xffff, ip | 0], 96 + bits)),
    six.map(([a, b, bits]) => prefixOf([a | 0, b | 0, 0, 0], bits)),
  );

  it('round-trip, and changed anywhere hold only what may be a subnet', () => {
    let read = 0;
    fc.assert(
      fc.property(
        fc.uniqueArray(subnet.filter(mayBeSubnet), {
          maxLength: 20,
          selector: ({ words, length }) => `${words.join()}/${length}`,
        }),
        fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 3 }),
        fc.boolean(),
        (prefixes, changes, shared) => {
          const subnets = prefixes.map((prefix) => ({ prefix, shared, since: 7 }));
          const wanted = { nodeKey: keys.publicKey, serial: 1, signedAt: 2, subnets };
          const bytes = signAnnouncement(wanted, keys);
          expect(parseAnnouncement(bytes)).toEqual(wanted);
          for (const [at, value] of changes) bytes[at % bytes.length] = value;
          const changed = parseAnnouncement(bytes);
          if (!changed) return;
          read++;
          expect(changed.subnets.length).toBeLessThanOrEqual(maxSubnets);
          for (const { prefix } of changed.subnets) {
            expect(mayBeSubnet(prefix)).toBe(true);
            expect(prefixOf(prefix.words, prefix.length)).toEqual(prefix);
          }
        },
      ),
      { numRuns: 300 },
    );
    expect(read).toBeGreaterThan(10);
  });
});
