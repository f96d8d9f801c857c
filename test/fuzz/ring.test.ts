import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/lib/bytes.js';
import { addressText } from '../../src/core/lib/endpoint.js';
import { candidateKinds, maxCandidates } from '../../src/core/wire/candidate.js';
import {
  cardLimit,
  encodeCard,
  encodeRing,
  maxListed,
  parseCard,
  parseRing,
  RingType,
  type RingMessage,
} from '../../src/core/wire/ring.js';

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toHex);
const ids = fc.array(id, { maxLength: maxListed / 4 });
const u8 = fc.integer({ min: 0, max: 0xff });
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const nonce = fc.maxSafeNat();
const card = fc.uint8Array({ maxLength: cardLimit });

const message: fc.Arbitrary<RingMessage> = fc.oneof(
  fc.record({
    type: fc.constant('table'),
    version: u32,
    claims: u8,
    leaf: fc.boolean(),
    settled: fc.boolean(),
    successors: ids,
    predecessors: ids,
    others: ids,
    indirect: ids,
  }),
  fc.record({ type: fc.constant('beat'), seen: u32, claims: u8, answer: fc.boolean() }),
  fc.record({ type: fc.constant('refuse') }),
  fc.record({ type: fc.constant('seek'), nonce, target: id, hops: u8, card }),
  fc.record({ type: fc.constant('sought'), nonce, id, card }),
  fc.record({ type: fc.constant('meet'), id }),
  fc.record({ type: fc.constant('introduce'), card }),
  fc.record({ type: fc.constant('whose'), id }),
  fc.record({ type: fc.constant('vouch'), id, credential: card }),
);

describe('ring messages', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(parseRing(encodeRing(sent))).toEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it('cut or changed anywhere, they throw nothing and keep to their limits', () => {
    fc.assert(
      fc.property(message, fc.nat(), u8, fc.nat(), (sent, at, value, cut) => {
        const bytes = encodeRing(sent);
        bytes[at % bytes.length] = value;
        keepsLimits(parseRing(bytes));
        expect(parseRing(encodeRing(sent).subarray(0, cut % bytes.length))).toBeUndefined();
      }),
      { numRuns: 1000 },
    );
  });

  it('made of garbage, neither', () => {
    const types = fc.constantFrom(...Object.values(RingType), 0x17, 0);
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 1500 }), (type, rest) => {
        keepsLimits(parseRing(Uint8Array.of(type, ...rest)));
        keepsLimits(parseRing(rest));
      }),
      { numRuns: 3000 },
    );
  });

  function keepsLimits(parsed: RingMessage | undefined): void {
    if (parsed === undefined) return;
    // What was understood can be said again, and means the same.
    expect(parseRing(encodeRing(parsed))).toEqual(parsed);
    if (parsed.type === 'table') {
      const { successors, predecessors, others } = parsed;
      const listed = [...successors, ...predecessors, ...others];
      expect(listed.length).toBeLessThanOrEqual(maxListed);
      for (const each of listed) expect(each).toMatch(/^[0-9a-f]{32}$/);
    }
    if ('card' in parsed) expect(parsed.card.length).toBeLessThanOrEqual(cardLimit);
  }
});

describe('cards', () => {
  const endpoint = fc.record({
    host: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(addressText),
    port: fc.integer({ min: 0, max: 65_535 }),
  });
  const candidates = fc.array(fc.record({ kind: fc.constantFrom(...candidateKinds), endpoint }), {
    maxLength: maxCandidates,
  });

  it('round-trip', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), candidates, (credential, some) => {
        expect(parseCard(encodeCard({ credential, candidates: some }))).toEqual({
          credential,
          candidates: some,
        });
      }),
    );
  });

  it('made of garbage throw nothing and keep to their limits', () => {
    const credential = fc.uint8Array({ maxLength: 40 });
    fc.assert(
      fc.property(credential, u8, fc.uint8Array({ maxLength: 600 }), (first, count, rest) => {
        const parsed = parseCard(Uint8Array.of(0, first.length, ...first, count % 30, ...rest));
        parseCard(rest);
        if (parsed === undefined) return;
        expect(parsed.candidates.length).toBeLessThanOrEqual(maxCandidates);
        expect(parseCard(encodeCard(parsed))).toEqual(parsed);
      }),
      { numRuns: 2000 },
    );
  });
});
