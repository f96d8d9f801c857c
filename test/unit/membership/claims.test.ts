/** Who has an address, a MAC or a name that several claim: the same member for everybody, whoever was met first. */
import { describe, expect, it, vi } from 'vitest';
import { verifyCredential, type Member } from '../../../src/core/identity/certificate.js';
import { noClaims, type Claimant } from '../../../src/core/identity/claims.js';
import { keysFromSeed, type Keys } from '../../../src/core/identity/keys.js';
import { testify } from '../../../src/core/identity/witness.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { formatIpv4, parseIpv4 } from '../../../src/core/lib/ipv4.js';
import { makeInvite, makeMember, makeNetwork, resign } from '../../../src/core/membership/certify.js';
import { shownNames } from '../../../src/core/membership/holdings.js';
import { Roster } from '../../../src/core/membership/roster.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { witnessed } from '../../support/receipts.js';

const start = Date.UTC(2026, 10, 22);
const oneMac = vi.hoisted(() => ({ on: false }));
// 46 bits of work are too much for a test: here all members have one MAC when they should.
vi.mock(import('../../../src/core/wire/node-mac.js'), async (original) => {
  const real = await original();
  return { ...real, macOf: (id) => (oneMac.on ? Uint8Array.of(2, 0, 0, 0, 0, 1) : real.macOf(id)) };
});

function network() {
  const env = {
    clock: { now: () => 0, date: () => start, after: () => () => undefined },
    random: systemRandom,
  };
  const plan = { name: 'home', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'anna' };
  const owner = makeNetwork(plan, env);
  const root: Keys = keysFromSeed(secretBytes(owner.rootSeed ?? ''));
  const facts = selfOf(owner).network;
  const { token } = makeInvite(owner, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
  /** A member with a claim of that date. */
  const member = (name: string, ip: string, dateMs: number) => {
    const profile = makeMember(decodeToken(token), { name, ip }, env);
    return { profile, credential: witnessed(selfOf(profile).credential, root, dateMs) };
  };
  const nobody: Claimant = { idText: '', mac: new Uint8Array(6), ip: 0, name: '', claims: noClaims };
  const roster = (self = nobody): Roster => new Roster(facts, () => self);
  return { root, facts, member, roster };
}

function memberIn(credential: Uint8Array, facts: ReturnType<typeof network>['facts']): Member {
  const verdict = verifyCredential(credential, facts, start);
  if (!verdict.ok) throw new Error(verdict.fault);
  return verdict.member;
}

const contested = '10.144.7.7';
const ip = parseIpv4(contested) as number;

describe('an address that two claim', () => {
  it('is that of the earlier claim, whoever was learned first', () => {
    const { member, roster } = network();
    const victim = member('victim', contested, start + 1);
    const thief = member('thief', contested, start + 2);
    for (const order of [
      [victim, thief],
      [thief, victim],
    ]) {
      const here = roster();
      for (const { credential } of order) here.take(credential, start + 9);
      expect(here.holderOf(ip)?.name).toBe('victim');
      expect(here.conflicts()).toMatchObject([
        { what: 'ip', loser: { name: 'thief' }, holder: { name: 'victim' } },
      ]);
    }
  });

  it('is not got by signing again, however old the thief and whatever date it writes', () => {
    const { root, facts, member, roster } = network();
    const thief = member('thief', '10.144.1.1', start);
    const victim = member('victim', contested, start + 50);
    const here = roster();
    here.take(thief.credential, start + 99);
    const moved = resign(thief.profile, { ip: contested, current: thief.credential }, start + 1);
    // With the receipt of before, which is for another address.
    expect(here.take(moved, start + 99)).toEqual({ kind: 'refused', fault: 'receipt-other' });
    const uses = { dateOf: () => undefined, count: () => 0 };
    const again = testify(moved, facts, uses, undefined, start + 60, root);
    if (!again.ok) throw new Error(again.fault);
    // Nobody else is known yet: then it has it.
    expect(here.take(again.member.credential, start + 99).kind).toBe('changed');
    expect(here.holderOf(ip)?.name).toBe('thief');
    here.take(victim.credential, start + 99);
    expect(here.holderOf(ip)?.name).toBe('victim');
  });

  it('is that of the lower id when both claimed it at one moment', () => {
    const { facts, member, roster } = network();
    const both = [member('a', contested, start), member('b', contested, start)];
    const [lower] = both.map(({ credential }) => memberIn(credential, facts).idText).sort();
    for (const order of [both, [...both].reverse()]) {
      const here = roster();
      for (const { credential } of order) here.take(credential, start);
      expect(here.holderOf(ip)?.idText).toBe(lower);
    }
  });

  it('is ours by the same rule', () => {
    const { facts, member, roster } = network();
    const [early, late] = [member('early', contested, start), member('late', contested, start + 1)];
    const ofLate = roster(memberIn(late.credential, facts));
    ofLate.take(early.credential, start + 9);
    expect(ofLate.holderOf(ip)?.name).toBe('early');
    const ofEarly = roster(memberIn(early.credential, facts));
    ofEarly.take(late.credential, start + 9);
    expect(ofEarly.holderOf(ip)?.name).toBe('early');
    const formatted = ofEarly.find(contested, formatIpv4, () => true);
    expect(formatted).toEqual([]);
  });
});

describe('a MAC that two have', () => {
  it('is that of whoever was a member first; the other is refused, and named', () => {
    const { member, roster } = network();
    const first = member('first', '10.144.1.1', start);
    const second = member('second', '10.144.1.2', start + 1);
    oneMac.on = true;
    const here = roster();
    expect(here.take(first.credential, start + 9).kind).toBe('new');
    expect(here.take(second.credential, start + 9)).toEqual({ kind: 'refused', fault: 'mac-taken' });
    // After a restart, and with what is known in another order.
    const there = roster();
    expect(there.take(second.credential, start + 9).kind).toBe('new');
    expect(there.take(first.credential, start + 9)).toMatchObject({
      kind: 'new',
      displaced: { name: 'second' },
    });
    oneMac.on = false;
    for (const each of [here, there]) {
      expect([...each.all()].map(({ name }) => name)).toEqual(['first']);
      expect(each.conflicts()).toMatchObject([
        { what: 'mac', loser: { name: 'second' }, holder: { name: 'first' } },
      ]);
    }
  });
});

describe('names', () => {
  const claimant = (idText: string, name: string, since: number): Claimant => ({
    idText,
    name,
    ip: 0,
    mac: new Uint8Array(6),
    claims: { joined: since, ip: since, name: since, witnessed: true },
  });

  it('that several have get a number, by the order of their claims and whoever is asked', () => {
    const members = [
      claimant('d', 'web', 3),
      claimant('a', 'web', 4),
      claimant('b', 'web', 1),
      claimant('c', 'db', 9),
      claimant('e', 'web-2', 99),
    ];
    const expected = { b: 'web', d: 'web-3', a: 'web-4', c: 'db', e: 'web-2' };
    expect(Object.fromEntries(shownNames(members))).toEqual(expected);
    expect(Object.fromEntries(shownNames([...members].reverse()))).toEqual(expected);
  });

  it('stay DNS labels', () => {
    const long = 'n'.repeat(63);
    const [, second] = shownNames([claimant('a', long, 1), claimant('b', long, 2)]).values();
    expect(second).toBe(`${'n'.repeat(61)}-2`);
  });

  it('find the member that is here before one that is gone, and each by the name that is shown', () => {
    const { facts, member, roster } = network();
    const [ghost, live] = [member('web', '10.144.1.1', start), member('web', '10.144.1.2', start + 1)].map(
      ({ credential }) => memberIn(credential, facts),
    ) as [Member, Member];
    const here = roster();
    for (const { credential } of [live, ghost]) here.take(credential, start + 9);
    const find = (text: string, ...there: Member[]): string[] =>
      here
        .find(text, formatIpv4, ({ idText }) => there.some((one) => one.idText === idText))
        .map(({ idText }) => idText);
    expect(find('web', live)).toEqual([live.idText]);
    expect(find('web-2', live)).toEqual([live.idText]);
    expect(find('web', live, ghost)).toEqual([ghost.idText]);
    expect(find('web')).toEqual([ghost.idText]);
    expect(find('web-3')).toEqual([]);
  });
});
