import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex, toHex } from '../../../src/core/lib/bytes.js';
import { maxCandidates, type Candidate } from '../../../src/core/wire/candidate.js';
import {
  cardLimit,
  Claim,
  encodeCard,
  encodeRing,
  maxListed,
  parseCard,
  parseRing,
  type RingMessage,
  type TableMessage,
} from '../../../src/core/wire/ring.js';

const a = '00112233445566778899aabbccddeeff';
const b = 'f0'.repeat(16);
const ids = (count: number, from = 0): string[] =>
  Array.from({ length: count }, (_, i) => (from + i).toString(16).padStart(32, '0'));

const table: TableMessage = {
  type: 'table',
  version: 0x01020304,
  claims: Claim.ring | Claim.anchor,
  leaf: true,
  settled: false,
  successors: [a],
  predecessors: [],
  others: [b],
  indirect: [],
};

const pictures: readonly [string, RingMessage, string][] = [
  ['table', table, `10 01020304 11 01 01 ${a} 00 01 ${b} 00`],
  [
    'table of a switch with nobody',
    { ...table, leaf: false, settled: true, claims: 0, successors: [], others: [] },
    '10 01020304 00 02 00 00 00 00',
  ],
  ['beat', { type: 'beat', seen: 7, claims: Claim.long, answer: true }, '11 00000007 02 01'],
  ['refuse', { type: 'refuse' }, '12'],
  [
    'seek',
    { type: 'seek', nonce: 2 ** 53 - 1, target: a, hops: 9, card: Uint8Array.of(1, 2) },
    `13 001fffffffffffff ${a} 09 0002 0102`,
  ],
  ['sought', { type: 'sought', nonce: 1, id: b, card: new Uint8Array(0) }, `14 0000000000000001 ${b} 0000`],
  ['meet', { type: 'meet', id: a }, `15 ${a}`],
  ['introduce', { type: 'introduce', card: Uint8Array.of(0xff) }, '16 0001 ff'],
  ['whose', { type: 'whose', id: a }, `17 ${a}`],
  ['vouch', { type: 'vouch', id: b, credential: Uint8Array.of(7, 8) }, `18 ${b} 0002 0708`],
];

describe('ring messages', () => {
  it.each(pictures)('%s: as the byte picture says', (_, message, hex) => {
    expect(toHex(encodeRing(message))).toBe(hex.replaceAll(' ', ''));
    expect(parseRing(fromHex(hex.replaceAll(' ', '')) ?? new Uint8Array(0))).toEqual(message);
  });

  it.each(pictures)('%s: cut short it is nothing', (_, message) => {
    const bytes = encodeRing(message);
    for (let n = 0; n < bytes.length; n++) expect(parseRing(bytes.subarray(0, n))).toBeUndefined();
  });

  it('may be longer in later versions', () => {
    for (const [, message] of pictures) {
      expect(parseRing(concatBytes(encodeRing(message), Uint8Array.of(1, 2, 3)))).toEqual(message);
    }
  });

  it('of other types are none of these', () => {
    for (const type of [0x00, 0x05, 0x0f, 0x19, 0xff]) {
      expect(parseRing(Uint8Array.of(type, ...new Uint8Array(40)))).toBeUndefined();
    }
  });

  it('take only ids', () => {
    expect(() => encodeRing({ type: 'meet', id: 'ab' })).toThrow(TypeError);
    expect(() => encodeRing({ type: 'meet', id: 'x'.repeat(32) })).toThrow(TypeError);
  });

  it('keep what they were parsed from out of later changes', () => {
    const bytes = encodeRing({ type: 'introduce', card: Uint8Array.of(1, 2, 3) });
    const message = parseRing(bytes);
    bytes.fill(0);
    expect(message).toEqual({ type: 'introduce', card: Uint8Array.of(1, 2, 3) });
  });
});

describe('a table', () => {
  it('fits into one packet, neighbours first', () => {
    const long = {
      ...table,
      successors: ids(3),
      predecessors: ids(3, 100),
      others: ids(200, 1000),
      indirect: ids(1, 9000),
    };
    const bytes = encodeRing(long);
    expect(bytes.length).toBeLessThan(1_280);
    const parsed = parseRing(bytes);
    expect(parsed).toEqual({ ...long, others: long.others.slice(0, maxListed - 6), indirect: [] });
  });

  it('with more than it may hold is refused, in one list or in all together', () => {
    const head = fromHex('10000000010000') ?? new Uint8Array(0);
    const list = (count: number): Uint8Array => concatBytes(Uint8Array.of(count), new Uint8Array(16 * count));
    const lists = (...counts: number[]): Uint8Array => concatBytes(head, ...counts.map(list));
    expect(parseRing(lists(maxListed, 0, 0, 0))).toMatchObject({ type: 'table' });
    expect(parseRing(lists(maxListed + 1, 0, 0, 0))).toBeUndefined();
    expect(parseRing(lists(0, 0, 255, 0))).toBeUndefined();
    expect(parseRing(lists(1, 1, maxListed - 3, 1))).toMatchObject({ type: 'table' });
    expect(parseRing(lists(1, 1, maxListed - 2, 1))).toBeUndefined();
  });
});

describe('a card', () => {
  const candidate = (port: number): Candidate => ({
    kind: 'reflexive',
    endpoint: { host: '192.0.2.7', port },
  });

  it('is as the byte picture says', () => {
    const card = {
      credential: Uint8Array.of(0xaa, 0xbb),
      candidates: [candidate(5), { kind: 'host', endpoint: { host: '2001:db8::1', port: 6 } }] as const,
    };
    const hex =
      '0002aabb 02 01 00000000000000000000ffffc0000207 0005 00 20010db8000000000000000000000001 0006';
    expect(toHex(encodeCard(card))).toBe(hex.replaceAll(' ', ''));
    expect(parseCard(encodeCard(card))).toEqual(card);
  });

  it('leaves out candidates that do not fit', () => {
    const candidates = Array.from({ length: 60 }, (_, i) => candidate(i + 1));
    const roomy = parseCard(encodeCard({ credential: new Uint8Array(100), candidates }));
    expect(roomy?.candidates).toEqual(candidates.slice(0, maxCandidates));
    for (const length of [900, 1_000, cardLimit - 3]) {
      const bytes = encodeCard({ credential: new Uint8Array(length), candidates });
      expect(bytes.length).toBeLessThanOrEqual(cardLimit);
      expect(parseCard(bytes)?.credential).toHaveLength(length);
      expect(parseRing(encodeRing({ type: 'introduce', card: bytes }))).toBeDefined();
    }
  });

  it('longer than the limit is not passed on', () => {
    const card = new Uint8Array(cardLimit + 1);
    expect(parseRing(encodeRing({ type: 'introduce', card }))).toBeUndefined();
    expect(parseRing(encodeRing({ type: 'seek', nonce: 1, target: a, hops: 0, card }))).toBeUndefined();
    expect(parseRing(encodeRing({ type: 'sought', nonce: 1, id: a, card }))).toBeUndefined();
  });

  it('with an unknown kind, too many candidates, or cut short is nothing', () => {
    const bytes = encodeCard({ credential: Uint8Array.of(1), candidates: [candidate(1)] });
    for (let n = 0; n < bytes.length; n++) expect(parseCard(bytes.subarray(0, n))).toBeUndefined();
    const odd = bytes.slice();
    odd[4] = 200;
    expect(parseCard(odd)).toBeUndefined();
    const many = concatBytes(
      Uint8Array.of(0, 0, maxCandidates + 1),
      new Uint8Array(19 * (maxCandidates + 1)),
    );
    expect(parseCard(many)).toBeUndefined();
  });
});
