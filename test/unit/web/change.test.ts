import { describe, expect, it } from 'vitest';
import type { Testimony } from '../../../src/core/control/schema.js';
import { applied, changeOf } from '../../../src/web/change.js';
import { Hearsay } from '../../../src/web/hearsay.js';
import type { Picture, WebMember, WebTold } from '../../../src/web/model.js';

const member = (id: string, rxBytes = 0): WebMember => ({
  id,
  name: `name ${id}`,
  ip: '10.0.0.1',
  state: 'connected',
  path: 'direct',
  endpoint: '',
  rttMs: 1,
  link: null,
  rxBytes,
  txBytes: 0,
  seenAt: null,
});
const told = (by: string): WebTold => ({ by, refused: false, of: 0, links: [] });
const picture = (at: number, members: readonly WebMember[], more: Partial<Picture> = {}): Picture => ({
  kind: 'picture',
  at,
  network: { id: 'n', name: 'home', cidr: '', mtu: 1350 },
  self: {
    ...{ id: 'self', name: '', ip: '', ip6: '', version: '', uptimeMs: at, nat: '' },
    rxBytes: at,
    txBytes: 0,
    drops: {},
  },
  relays: [],
  size: members.length,
  members,
  told: [],
  ...more,
});

describe('what is new in a picture', () => {
  it('is little where little is, and makes the same picture of the one before', () => {
    const [a, b, c, d] = [member('a'), member('b'), member('c'), member('d')];
    const [x, y] = [told('x'), told('y')];
    const before = picture(1, [a, b, c], { told: [x, y] });
    const now = picture(2, [{ ...a }, { ...b, rxBytes: 9 }, d], { told: [x, told('z')] });
    const change = changeOf(before, now);
    expect(change?.members?.map(({ id }) => id)).toEqual(['b', 'd']);
    expect(change?.gone).toEqual(['c']);
    expect(change).toMatchObject({ told: [{ by: 'z' }], untold: ['y'] });
    expect(change).not.toHaveProperty('relays');
    const made = change && applied(before, change);
    expect(made).toEqual(now);
    expect(made?.members[0]).toBe(a);
  });

  it('is nothing but the time and ourselves where nothing is, and no list is made anew', () => {
    const before = picture(1, [member('a')]);
    const change = changeOf(before, picture(3, [member('a')]));
    expect(Object.keys(change ?? {}).sort()).toEqual(['at', 'kind', 'self', 'size']);
    const made = change && applied(before, change);
    expect(made?.members).toBe(before.members);
    expect(made?.told).toBe(before.told);
    expect(made?.at).toBe(3);
  });

  it('is the whole picture for another network, and where links are numbered', () => {
    const before = picture(1, []);
    expect(changeOf(before, picture(2, [], { network: { ...before.network, id: 'm' } }))).toBeUndefined();
    expect(changeOf(before, picture(2, [], { network: { ...before.network, name: 'm' } }))).toBeUndefined();
    expect(changeOf(before, picture(2, [], { links: [] }))).toBeUndefined();
  });
});

describe('what members say', () => {
  const said = (ageMs: number, bytes: number, rttMs: number | null = 10): Testimony => ({
    by: 'a',
    ageMs,
    verdict: 'shown',
    of: 1,
    links: [{ id: 'b', path: 'direct', role: 'none', rttMs, bytes }],
  });

  it('has rates out of two answers, and round trips that stay while they jitter', () => {
    const hearsay = new Hearsay();
    expect(hearsay.take([said(0, 1_000)], 10_000)[0]?.links).toEqual([
      { to: 'b', path: 'direct', link: null, rttMs: 10, rate: 0 },
    ]);
    expect(hearsay.take([said(0, 4_801_000, 11)], 14_000)[0]?.links).toMatchObject([
      { rttMs: 10, rate: 1_200_000 },
    ]);
    expect(hearsay.take([said(0, 4_801_000, 13)], 18_000)[0]?.links).toMatchObject([{ rttMs: 13, rate: 0 }]);
  });

  it('is the same object while it is the same', () => {
    const hearsay = new Hearsay();
    const [first] = hearsay.take([said(0, 1_000)], 10_000);
    expect(hearsay.take([said(2_000, 1_000)], 12_000)[0]).toBe(first);
    expect(hearsay.take([said(0, 1_100, 10.4)], 14_000)[0]).toBe(first);
    expect(hearsay.take([{ ...said(0, 1_200), verdict: 'refused', links: [] }], 18_000)[0]).toMatchObject({
      refused: true,
    });
    expect(hearsay.take([], 20_000)).toEqual([]);
  });
});
