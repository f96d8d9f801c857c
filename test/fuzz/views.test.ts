import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/core/lib/bytes.js';
import {
  encodeView,
  maxRecalled,
  maxSeen,
  parseView,
  verdicts,
  viewPaths,
  viewRoles,
  ViewType,
  type ViewMessage,
} from '../../src/core/wire/views.js';

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(toHex);
const request = fc.integer({ min: 0, max: 0xffff_ffff });
const verdict = fc.constantFrom(...verdicts);
const link = fc.record({
  id,
  path: fc.constantFrom(...viewPaths),
  role: fc.constantFrom(...viewRoles),
  rttMs: fc.option(fc.integer({ min: 0, max: 100_000 }).map((n) => n / 100)),
  bytes: fc.maxSafeNat(),
});
const line = fc.record({
  ageS: fc.integer({ min: 0, max: 0xffff_ffff }),
  event: fc.string({ maxLength: 10 }),
  detail: fc.string({ maxLength: 40 }),
});
const message: fc.Arbitrary<ViewMessage> = fc.oneof(
  fc.record({ type: fc.constant('look'), request }),
  fc.record({ type: fc.constant('recall'), request, id }),
  fc.record({ type: fc.constant('recalled'), request, verdict, lines: fc.array(line, { maxLength: 8 }) }),
  fc
    .record({ request, verdict, links: fc.array(link, { maxLength: maxSeen }), more: fc.nat(1000) })
    .map(({ more, ...rest }) => ({ type: 'seen' as const, ...rest, of: rest.links.length + more })),
);

function keepsLimits(parsed: ViewMessage | undefined): void {
  if (parsed?.type === 'seen') expect(parsed.links.length).toBeLessThanOrEqual(Math.min(maxSeen, parsed.of));
  if (parsed?.type === 'recalled') expect(parsed.lines.length).toBeLessThanOrEqual(maxRecalled);
}

describe('messages about what members see', () => {
  it('round-trip', () => {
    fc.assert(
      fc.property(message, (sent) => {
        expect(parseView(encodeView(sent))).toEqual(sent);
      }),
      { numRuns: 500 },
    );
  });

  it('cut or changed anywhere, they throw nothing and keep to their limits', () => {
    fc.assert(
      fc.property(message, fc.nat(), fc.integer({ min: 0, max: 255 }), fc.nat(), (sent, at, value, cut) => {
        const bytes = encodeView(sent);
        expect(parseView(bytes.subarray(0, cut % bytes.length))).toBeUndefined();
        expect(parseView(Uint8Array.of(...bytes, 0))).toBeUndefined();
        bytes[at % bytes.length] = value;
        keepsLimits(parseView(bytes));
      }),
      { numRuns: 1000 },
    );
  });

  it('made of garbage, neither', () => {
    const types = fc.constantFrom(...Object.values(ViewType), 0x44, 0);
    fc.assert(
      fc.property(types, fc.uint8Array({ maxLength: 1500 }), (type, rest) => {
        keepsLimits(parseView(Uint8Array.of(type, ...rest)));
      }),
      { numRuns: 3000 },
    );
  });
});
