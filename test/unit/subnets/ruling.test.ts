/** Whose a subnet is, held against a slow rule that compares every claim with every other. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  containsPrefix,
  equalPrefixes,
  prefixesOverlap,
  prefixOfCidr,
  type Prefix,
} from '../../../src/core/lib/prefix.js';
import { compareClaims, judgeClaims, type Claim } from '../../../src/core/subnets/ruling.js';
import { prefix } from '../../support/subnets.js';

const network = prefix('10.144.0.0/16');
const network6 = prefix('fd01:203:405:607::/64');

function claim(id: string, text: string, rank: number, shared = false): Claim {
  return { id, prefix: prefix(text), rank, shared };
}

/** `id fault holder` of each, earliest first. */
function judged(...claims: readonly Claim[]): string[] {
  return judgeClaims(claims, [network, network6]).map(({ claim: { id }, fault, holder }) =>
    [id, fault, holder].filter(Boolean).join(' '),
  );
}

/** The rule as it is told. */
function slowly(claims: readonly Claim[], range: Prefix): string[] {
  const held: Claim[] = [];
  return [...claims].sort(compareClaims).map((c) => {
    const ofPods = !c.shared && containsPrefix(range, c.prefix) && c.prefix.length >= 96 + 28;
    if (prefixesOverlap(range, c.prefix) && !ofPods) return `${c.id} network`;
    const against = held.filter(
      (h) =>
        h.id !== c.id &&
        prefixesOverlap(h.prefix, c.prefix) &&
        !(equalPrefixes(h.prefix, c.prefix) && h.shared && c.shared),
    );
    if (against.length > 0) return `${c.id} taken`;
    held.push(c);
    return c.id;
  });
}

describe('whose a subnet is', () => {
  it('is that of the earlier claim, and of the lower id at one time', () => {
    expect(judged(claim('b', '10.1.0.0/24', 2), claim('a', '10.1.0.0/24', 3))).toEqual(['b', 'a taken b']);
    expect(judged(claim('b', '10.1.0.0/24', 2), claim('a', '10.1.0.0/24', 2))).toEqual(['a', 'b taken a']);
  });

  it('holds for what lies inside, and for what holds it', () => {
    const first = claim('a', '10.1.0.0/16', 1);
    expect(judged(first, claim('b', '10.1.9.0/24', 2))).toEqual(['a', 'b taken a']);
    expect(judged(first, claim('b', '10.0.0.0/15', 2))).toEqual(['a', 'b taken a']);
    expect(judged(first, claim('b', '10.2.0.0/16', 2))).toEqual(['a', 'b']);
  });

  it('does not matter to the member itself', () => {
    expect(judged(claim('a', '10.1.0.0/16', 1), claim('a', '10.1.9.0/24', 2))).toEqual(['a', 'a']);
  });

  it('is of two when both share it, and of a third never', () => {
    const pair = [claim('a', '10.1.0.0/24', 1, true), claim('b', '10.1.0.0/24', 2, true)];
    expect(judged(...pair, claim('c', '10.1.0.0/24', 3))).toEqual(['a', 'b', 'c taken a']);
    expect(judged(claim('a', '10.1.0.0/24', 1), claim('b', '10.1.0.0/24', 2, true))).toEqual([
      'a',
      'b taken a',
    ]);
    expect(judged(...pair, claim('b', '10.1.0.0/25', 3, true))).toEqual(['a', 'b', 'b taken a']);
  });

  it('is nobody’s in the range of the network', () => {
    expect(judged(claim('a', '10.144.7.0/24', 1), claim('a', '10.0.0.0/8', 1))).toEqual([
      'a network',
      'a network',
    ]);
    expect(judged(claim('a', 'fd01:203:405:607::/72', 1), claim('b', 'fd01:203:405::/48', 1))).toEqual([
      'a network',
      'b network',
    ]);
  });

  it('is the earlier claim’s there too, where it is small enough to be of pods', () => {
    expect(judged(claim('a', '10.144.7.16/28', 1), claim('b', '10.144.7.17/32', 2))).toEqual([
      'a',
      'b taken a',
    ]);
    expect(judged(claim('a', '10.144.7.0/27', 1), claim('a', '10.144.7.16/28', 1, true))).toEqual([
      'a network',
      'a network',
    ]);
  });

  it('is what the slow rule says', () => {
    const any = fc
      .record({
        id: fc.constantFrom('a', 'b', 'c', 'd'),
        base: fc.integer({ min: 0, max: 15 }),
        bits: fc.integer({ min: 26, max: 32 }),
        rank: fc.integer({ min: 0, max: 6 }),
        shared: fc.boolean(),
      })
      .map(({ id, base, bits, rank, shared }) => ({
        id,
        rank,
        shared,
        prefix: prefixOfCidr({ base: (0x0a01_0000 + base * 4) & -(2 ** (32 - bits)), prefix: bits }),
      }));
    const range = prefix('10.1.0.60/30');
    fc.assert(
      fc.property(
        fc.uniqueArray(any, {
          maxLength: 24,
          selector: (c) => `${c.id} ${c.prefix.words.join()}/${c.prefix.length}`,
        }),
        (claims) => {
          const fast = judgeClaims(claims, [range]).map(({ claim: { id }, fault }) =>
            fault === null ? id : `${id} ${fault}`,
          );
          expect(fast).toEqual(slowly(claims, range));
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
