/** Whatever comes as a query: it is read in bounded time, never throws, and its answer is short and says of whom it is. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestQuery, readQuery, writeAnswer, writeFault } from '../../src/core/wire/dns.js';
import { domain, opt, query, zone } from '../support/dns.js';

const label = fc.oneof(fc.constantFrom('anna', 'ben-2', 'ANNA', 'x'), fc.string({ maxLength: 70 }));
const name = fc.oneof(
  fc.constantFrom(
    `anna.${domain}`,
    domain,
    '144.10.in-addr.arpa',
    '9.7.144.10.in-addr.arpa',
    '',
    `_ssh._tcp.${domain}`,
    `_http._tcp.anna.${domain}`,
  ),
  fc.array(label, { maxLength: 5 }).map((labels) => labels.join('.')),
);
const near = fc
  .tuple(
    name,
    fc.record({
      id: fc.nat(0xffff),
      flags: fc.oneof(
        { weight: 3, arbitrary: fc.constant(0x0100) },
        { weight: 1, arbitrary: fc.nat(0xffff) },
      ),
      type: fc.oneof(fc.constantFrom(1, 28, 12, 255, 6, 2, 33, 16), fc.nat(0xffff)),
      classOf: fc.constantFrom(1, 1, 1, 255, 3),
      behind: fc.constantFrom([], opt(), opt(0), opt(65_535, 3)),
    }),
    fc.array(fc.tuple(fc.nat(80), fc.nat(255)), { maxLength: 2 }),
    fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(80) }),
  )
  .map(([text, asked, changes, cut]) => {
    const bytes = query(text, asked);
    for (const [at, value] of changes) if (at < bytes.length) bytes[at] = value;
    return cut === null ? bytes : bytes.subarray(0, cut);
  });

describe('DNS', () => {
  const names = zone();

  it('answers what it can read, and nothing else', () => {
    let answered = 0;
    fc.assert(
      fc.property(fc.oneof(near, fc.uint8Array({ maxLength: longestQuery + 1 })), (bytes) => {
        const asked = readQuery(bytes);
        if (asked === undefined) return;
        const answer = 'code' in asked ? writeFault(asked) : writeAnswer(asked, names.answer(asked));
        // The id, and an answer.
        expect([...answer.subarray(0, 2), (answer[2] as number) >> 7]).toEqual([bytes[0], bytes[1], 1]);
        expect(answer.length).toBeLessThanOrEqual('code' in asked ? 12 : asked.limit);
        if (!('code' in asked)) {
          expect(answer.subarray(12, 12 + asked.question.length)).toEqual(asked.question);
          if (names.answer(asked).answers.length > 0) answered++;
        }
      }),
      { numRuns: 20_000 },
    );
    expect(answered).toBeGreaterThan(50);
  });

  it('cuts an answer that does not fit, and says so', () => {
    const asked = readQuery(query(`anna.${domain}`));
    if (asked === undefined || 'code' in asked) throw new Error('not read');
    const records = Array.from({ length: 60 }, () => ({
      type: 1 as const,
      ttl: 1,
      address: new Uint8Array(4),
    }));
    const answer = writeAnswer(asked, { code: 0, authoritative: true, answers: records, authority: [] });
    expect(answer.length).toBe(12 + asked.question.length);
    expect((answer[2] as number) & 2).toBe(2);
  });
});
