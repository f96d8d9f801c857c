import { describe, expect, it } from 'vitest';
import { Routes } from '../../../src/core/topology/routes.js';
import { Claim } from '../../../src/core/wire/ring.js';
import { idAt } from './places.js';

const link = (n: number, fields: object = {}) => ({
  id: idAt(n),
  up: true,
  settled: true,
  suspect: false,
  retiring: false,
  indirect: false,
  mine: 0,
  theirs: 0,
  reaches: [] as readonly number[],
  ...fields,
});

describe('the forwarding table', () => {
  it('is given at first, even empty, then when something changed, then when it is asked for', () => {
    const routes = new Routes(false);
    expect(routes.update([])).toEqual([]);
    expect(routes.update([])).toBeUndefined();
    const links = [link(1), link(2)];
    expect(routes.update(links)).toHaveLength(2);
    expect(routes.update(links)).toBeUndefined();
    routes.again();
    expect(routes.update(links)).toHaveLength(2);
    expect(routes.update(links)).toBeUndefined();
  });

  it.each([
    ['suspect', true],
    ['retiring', true],
    ['indirect', true],
    ['settled', false],
    ['up', false],
    ['reaches', [1]],
  ] as const)('changes with %s of one link', (field, value) => {
    const routes = new Routes(false);
    const links = [link(1), link(2), link(3)];
    routes.update(links);
    Object.assign(links[1] as object, { [field]: value });
    expect(routes.update(links)).toBeDefined();
    expect(routes.update(links)).toBeUndefined();
  });

  it('is given again when one is reached in another way, whatever it may be used for', () => {
    const routes = new Routes(false);
    routes.update([]);
    const one = link(1, { settled: false });
    routes.update([one]);
    one.indirect = true;
    expect(routes.update([one])).toBeDefined();
  });

  it('changes when a link takes the place of another', () => {
    const routes = new Routes(false);
    const [a, b] = [link(1), link(2)];
    routes.update([a, b]);
    expect(routes.update([a, link(3)])?.map(({ id }) => id)).toEqual([idAt(1), idAt(3)]);
    expect(routes.update([a])?.map(({ id }) => id)).toEqual([idAt(1)]);
    // Another connection with the same member is another link.
    expect(routes.update([link(1)])).toBeDefined();
  });

  const anchor = Claim.anchor;
  it.each([
    ['a link with its place', false, {}, { forwards: true, flood: 'range' }],
    ['one without', false, { settled: false }, { forwards: false, flood: 'none' }],
    [
      'one without that we anchor',
      false,
      { settled: false, theirs: anchor },
      { forwards: false, flood: 'copy' },
    ],
    ['one through other members', false, { indirect: true }, { forwards: false, flood: 'range' }],
    ['one that does not answer', false, { suspect: true }, { forwards: false, flood: 'none' }],
    ['one about to go', false, { retiring: true }, { forwards: false, flood: 'none' }],
    ['a link of a leaf', true, {}, { forwards: true, flood: 'none' }],
    ['the anchor of a leaf', true, { mine: anchor }, { forwards: true, flood: 'range' }],
    ['a leaf beside a leaf', true, { settled: false, theirs: anchor }, { forwards: false, flood: 'none' }],
  ])('uses %s as it can', (_what, leaf, fields, expected) => {
    expect(new Routes(leaf).update([link(1, fields)])).toEqual([{ id: idAt(1), reaches: [], ...expected }]);
  });

  it('gathers news of where links lead for half a second', () => {
    const routes = new Routes(false);
    expect(routes.dueAt).toBe(Infinity);
    routes.soon(1_000);
    routes.soon(1_300);
    expect(routes.dueAt).toBe(1_500);
    routes.update([]);
    expect(routes.dueAt).toBe(Infinity);
  });
});
