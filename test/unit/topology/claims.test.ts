import { describe, expect, it } from 'vitest';
import { claimsOf, type Claimable, type Wants } from '../../../src/core/topology/claims.js';
import { Claim } from '../../../src/core/wire/ring.js';
import { idAt, memberAt } from './places.js';

const { ring, long, demand, fixed, anchor } = Claim;

const nobody: Wants = {
  self: memberAt(0x80),
  leaf: false,
  settled: true,
  mesh: false,
  ahead: [],
  behind: [],
  drawn: new Set(),
  demanded: new Set(),
  fixed: new Set(),
};
const leafOf: Partial<Wants> = { leaf: true };
const newcomer: Partial<Wants> = { settled: false };

function link(n: number, fields: Partial<Claimable> = {}): Claimable {
  const standing = { up: true, leaf: false, settled: true, suspect: false, retiring: false };
  return { ...memberAt(n), ...standing, ...fields };
}

const ids = (...numbers: number[]): ReadonlySet<string> => new Set(numbers.map(idAt));
const places = (...numbers: number[]) => numbers.map(memberAt);

const around = [link(0x50), link(0x60), link(0x70), link(0x90), link(0xa0), link(0xb0)];

const cases: [what: string, links: Claimable[], wants: Partial<Wants>, claims: number[]][] = [
  [
    'the three nearest on each side, nobody beyond',
    [link(0x40), ...around, link(0xc0)],
    {},
    [0, ring, ring, ring, ring, ring, ring, 0],
  ],
  [
    'who should be a neighbour, and the nearest that are up until it is',
    [
      link(0x88, { up: false }),
      link(0x7f, { up: false }),
      link(0x90),
      link(0xa0),
      link(0xb0),
      link(0xc0),
      link(0xf0),
      link(0xf8),
      link(0x04),
    ],
    { ahead: places(0x88), behind: places(0x7f) },
    [ring, ring, ring, ring, ring, 0, ring, ring, ring],
  ],
  [
    'no neighbour that is about to go, and none that is still to come unless it is wanted',
    [link(0x88, { retiring: true }), link(0x89, { up: false }), ...around, link(0x40), link(0x38)],
    {},
    [0, 0, ring, ring, ring, ring, ring, ring, 0, 0],
  ],
  [
    'no leaf, however near and wanted',
    [link(0x88, { leaf: true }), link(0x90)],
    { ahead: places(0x88), mesh: true },
    [0, ring | long],
  ],
  [
    'everybody in a mesh',
    [link(0x08), ...around],
    { mesh: true },
    [long, ring | long, ring | long, ring | long, ring | long, ring | long, ring | long],
  ],
  [
    'whom we drew, whom traffic wants, whom the operator wants',
    [...around, link(1), link(2), link(3), link(4, { leaf: true })],
    { drawn: ids(1), demanded: ids(2, 4, 0x50), fixed: ids(3, 4) },
    [ring | demand, ring, ring, ring, ring, ring, long, demand, fixed, demand | fixed],
  ],
  [
    'of a leaf: two on each side, the nearest before it for broadcasts',
    around,
    leafOf,
    [0, ring, ring | anchor, ring, ring, 0],
  ],
  [
    'an anchor that is settled and answers',
    [link(0x60), link(0x70, { suspect: true }), link(0x78, { settled: false })],
    leafOf,
    [ring | anchor, ring, ring],
  ],
  ['an anchor until we have our place', [link(0x70), link(0x90)], newcomer, [ring | anchor, ring]],
];

describe('what links are needed for', () => {
  it.each(cases)('%s', (_what, links, wants, claims) => {
    expect(claimsOf(links, { ...nobody, ...wants })).toEqual(claims);
  });
});
