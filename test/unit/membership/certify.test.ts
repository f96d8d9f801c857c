import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  certificateLifeMs,
  encodeCredential,
  signCertificate,
  verifyCredential,
} from '../../../src/core/identity/certificate.js';
import { Role } from '../../../src/core/identity/invite.js';
import {
  makeMember,
  makeInvite,
  makeNetwork,
  resign,
  type NetworkPlan,
} from '../../../src/core/membership/certify.js';
import { checkNodeName, nodeNameFrom } from '../../../src/core/identity/names.js';
import { testify } from '../../../src/core/identity/witness.js';
import { Roster } from '../../../src/core/membership/roster.js';
import { secretBytes, selfOf, withGenuineReceipt, withReceipt } from '../../../src/core/membership/self.js';
import { noClaims } from '../../../src/core/identity/claims.js';
import { dhPublicKey, generateKeys, keysFromSeed } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { fromBase64Url, toBase64Url } from '../../../src/core/lib/bytes.js';
import { systemRandom, type Clock } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { formatIpv4 } from '../../../src/core/lib/ipv4.js';
import { firstReceiptOf, forgedReceipt, receiptOf, witnessed } from '../../support/receipts.js';

const start = Date.UTC(2026, 10, 22);
const day = 86_400_000;
const relay = generateKeys(systemRandom);

function envAt(ms: number): { clock: Clock; random: typeof systemRandom } {
  return { clock: { now: () => 0, date: () => ms, after: () => () => undefined }, random: systemRandom };
}
const env = envAt(start);

function network(change: Partial<NetworkPlan> = {}) {
  return makeNetwork(
    { name: 'home', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'anna', ...change },
    env,
  );
}
const withRelay = { relays: [{ address: '192.0.2.1:3478', key: relay.publicKey }] };
const invitePlan = { expiresMs: day, uses: 1, role: 'switch', tags: ['db'] } as const;

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (thrown) {
    if (thrown instanceof EvioError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

/** What the root of this network, its witness, makes of a credential. */
function witnessedBy(owner: ReturnType<typeof network>, credential: Uint8Array, dateMs = start): Uint8Array {
  return witnessed(credential, keysFromSeed(secretBytes(owner.rootSeed ?? '')), dateMs);
}

/** A roster of somebody who is none of the members. */
function rosterOf(owner: ReturnType<typeof network>): Roster {
  const nobody = { idText: '', mac: new Uint8Array(6), ip: 0, name: '', claims: noClaims };
  return new Roster(selfOf(owner).network, () => nobody);
}

function verdict(credential: Uint8Array, profile: ReturnType<typeof network>, atMs: number) {
  return verifyCredential(credential, selfOf(profile).network, atMs);
}

describe('makeNetwork', () => {
  it('makes a first member that everyone can verify', () => {
    const profile = network();
    const self = selfOf(profile);
    const result = verdict(self.credential, profile, start + 1);
    expect(result).toMatchObject({ ok: true, member: { name: 'anna', role: Role.switch, inviteId: '' } });
  });

  it('takes the address asked for, inside the range only', () => {
    expect(formatIpv4(selfOf(network({ ip: '10.144.9.9' })).certificate.ip)).toBe('10.144.9.9');
    expect(codeOf(() => network({ ip: '10.145.0.1' }))).toBe('EVIO_ADDRESS_OUTSIDE');
    expect(codeOf(() => network({ ip: '10.144.0.0' }))).toBe('EVIO_ADDRESS_OUTSIDE');
    expect(codeOf(() => network({ ip: '10.144.255.255' }))).toBe('EVIO_ADDRESS_OUTSIDE');
    expect(codeOf(() => network({ ip: 'ten' }))).toBe('EVIO_BAD_VALUE');
  });

  it.each([
    { cidr: '10.144.0.1/16' },
    { cidr: '10.0.0.0/31' },
    { cidr: '10.0.0.0/4' },
    { cidr: '224.0.0.0/8' },
    { cidr: 'x' },
    { mtu: 10 },
    { mtu: 1350.5 },
    { name: '' },
    { name: 'a b' },
    { nodeName: 'Not_a_label' },
  ])('refuses %j', (change) => {
    expect(codeOf(() => network(change))).toBe('EVIO_BAD_VALUE');
  });
});

describe('invites and enrolment', () => {
  it('makes tokens that make members', () => {
    const owner = network();
    const record = makeInvite(owner, invitePlan, env);
    const profile = makeMember(decodeToken(record.token), { name: 'ben' }, env);
    const { credential } = selfOf(profile);
    expect(verdict(credential, owner, start + 1)).toMatchObject({ ok: false, fault: 'receipt-missing' });
    expect(verdict(witnessedBy(owner, credential), owner, start + 1)).toMatchObject({
      ok: true,
      member: { name: 'ben', tags: ['db'], inviteId: record.id, role: Role.switch },
    });
    expect(profile.rootSeed).toBeUndefined();
    expect(codeOf(() => makeInvite(profile, invitePlan, env))).toBe('EVIO_NOT_ADMIN');
  });

  it('makes no member of a key that cannot shake hands', () => {
    const owner = network();
    const token = decodeToken(makeInvite(owner, invitePlan, env).token);
    const { certificate, keys } = selfOf(makeMember(token, { name: 'ben' }, env));
    const judge = (nodeKey: Uint8Array, forged?: Uint8Array) => {
      const signed = signCertificate({ ...certificate, nodeKey }, token.inviteKeys, keys);
      if (forged) signed.set(forged, signed.length - forged.length);
      const credential = { certificate: signed, invite: token.inviteBytes, receipt: new Uint8Array(0) };
      return rosterOf(owner).take(witnessedBy(owner, encodeCredential(credential)), start + 1);
    };
    expect(judge(certificate.nodeKey).kind).toBe('new');
    const neutral = Uint8Array.of(1, ...new Uint8Array(31));
    // R neutral and S zero satisfy S·B = R + h·A for the neutral A: such a key can "sign" anything.
    const anything = Uint8Array.of(1, ...new Uint8Array(63));
    expect(judge(neutral, anything)).toEqual({ kind: 'refused', fault: 'malformed' });
    const orderFour = new Uint8Array(32);
    const orderTwo = Uint8Array.of(0xec, ...new Uint8Array(30).fill(0xff), 0x7f);
    const offCurve = Uint8Array.of(2, ...new Uint8Array(31));
    for (const key of [neutral, orderTwo, orderFour, offCurve]) {
      expect(dhPublicKey(key)).toBeUndefined();
      expect(judge(key).kind).toBe('refused');
    }
  });

  it('lets nobody sign for another node, though all who joined by an invite hold its key', () => {
    const owner = network();
    const token = decodeToken(makeInvite(owner, invitePlan, env).token);
    const victim = selfOf(makeMember(token, { name: 'ben' }, env));
    const attacker = selfOf(makeMember(token, { name: 'eve' }, env));
    const judge = (signer: typeof victim.keys) =>
      rosterOf(owner).take(
        witnessedBy(
          owner,
          encodeCredential({
            certificate: signCertificate(
              { ...victim.certificate, ip: 0x0a90_0005 },
              token.inviteKeys,
              signer,
            ),
            invite: token.inviteBytes,
            receipt: new Uint8Array(0),
          }),
        ),
        start + 1,
      );
    expect(judge(victim.keys).kind).toBe('new');
    expect(judge(attacker.keys)).toEqual({ kind: 'refused', fault: 'bad-signature' });
  });

  it('makes no member of a name that a terminal would obey', () => {
    const owner = network();
    const token = decodeToken(makeInvite(owner, invitePlan, env).token);
    const { certificate, keys } = selfOf(makeMember(token, { name: 'ben' }, env));
    for (const [name, kind] of [
      ['ben-2', 'new'],
      ['\u001b[2Jben', 'refused'],
      ['ben\nanna', 'refused'],
    ] as const) {
      const credential = encodeCredential({
        certificate: signCertificate({ ...certificate, name }, token.inviteKeys, keys),
        invite: token.inviteBytes,
        receipt: new Uint8Array(0),
      });
      expect(rosterOf(owner).take(witnessedBy(owner, credential), start + 1).kind).toBe(kind);
    }
  });

  it('admits the roles of the invite', () => {
    const token = decodeToken(makeInvite(network(), { ...invitePlan, role: 'leaf' }, env).token);
    expect(makeMember(token, { name: 'ben' }, env).role).toBe('leaf');
    expect(codeOf(() => makeMember(token, { name: 'ben', role: 'switch' }, env))).toBe('EVIO_BAD_VALUE');
    const both = decodeToken(makeInvite(network(), invitePlan, env).token);
    expect(makeMember(both, { name: 'ben', role: 'leaf' }, env).role).toBe('leaf');
  });

  it('says that a token has expired', () => {
    const token = decodeToken(makeInvite(network(), invitePlan, env).token);
    expect(codeOf(() => makeMember(token, { name: 'ben' }, envAt(start + day)))).toBe('EVIO_TOKEN_EXPIRED');
  });

  it('refuses what cannot be an invite', () => {
    const owner = network();
    for (const change of [
      { uses: -1 },
      { uses: 1.5 },
      { expiresMs: 0 },
      { tags: ['a b'] },
      { tags: Array.from({ length: 17 }, (_, i) => `t${i}`) },
      { tags: Array.from({ length: 16 }, (_, i) => `${i}`.padStart(32, 'x')) },
    ])
      expect(codeOf(() => makeInvite(owner, { ...invitePlan, ...change }, env))).toBe('EVIO_BAD_VALUE');
  });
});

describe('dates', () => {
  const owner = network(withRelay);
  const token = decodeToken(makeInvite(owner, invitePlan, env).token);
  const { certificate, keys, credential } = selfOf(makeMember(token, { name: 'ben' }, env));
  const dated = (notBefore: number, notAfter: number): Uint8Array =>
    encodeCredential({
      certificate: signCertificate({ ...certificate, notBefore, notAfter }, token.inviteKeys, keys),
      invite: token.inviteBytes,
      receipt: new Uint8Array(0),
    });

  it('of the joiner do not prolong a membership', () => {
    const forever = witnessed(dated(start, start + 100 * certificateLifeMs), relay, start);
    expect(verdict(forever, owner, start + certificateLifeMs - 1)).toMatchObject({
      ok: true,
      member: { notAfter: start + certificateLifeMs },
    });
    expect(verdict(forever, owner, start + certificateLifeMs).ok).toBe(false);
    // Signed again at the end of its life.
    const again = witnessed(dated(start + certificateLifeMs, start + 2 * certificateLifeMs), relay, start);
    expect(verdict(again, owner, start + certificateLifeMs)).toEqual({ ok: false, fault: 'expired' });
  });

  it('of the joiner do not bring back a token that has expired', () => {
    const late = start + 2 * day;
    for (const notBefore of [start, late]) {
      const back = witnessed(dated(notBefore, late + certificateLifeMs), relay, late);
      expect(verdict(back, owner, late)).toEqual({ ok: false, fault: 'receipt-late' });
    }
  });

  it('may be wrong by a day, of joiner and witness, and by no more', () => {
    for (const skew of [-day, day]) {
      const wrong = witnessed(dated(start + skew, start + skew + certificateLifeMs), relay, start);
      expect(verdict(wrong, owner, start).ok).toBe(true);
      expect(verdict(witnessed(credential, relay, start + skew / 2), owner, start).ok).toBe(true);
    }
    const ahead = witnessed(dated(start + 2 * day, start + 2 * day + certificateLifeMs), relay, start);
    expect(verdict(ahead, owner, start)).toEqual({ ok: false, fault: 'not-yet-valid' });
    const future = witnessed(credential, relay, start + day);
    expect(verdict(future, owner, start - day)).toEqual({ ok: false, fault: 'receipt-early' });
  });

  it('do not hinder a machine that was off for years', () => {
    const years = witnessed(credential, relay, start);
    expect(verdict(years, owner, start + 4 * 365 * day).ok).toBe(true);
  });
});

describe('a receipt of version 1', () => {
  it('still makes a member, of any address, whose claim yields to every witnessed one', () => {
    const owner = network(withRelay);
    const token = decodeToken(makeInvite(owner, { ...invitePlan, uses: 0 }, env).token);
    const profile = makeMember(token, { name: 'old', ip: '10.144.1.1' }, env);
    const old = selfOf(profile).credential;
    const first = withReceipt(old, firstReceiptOf(old, relay, start));
    const moved = resign(profile, { ip: '10.144.1.2', current: first }, start + 5);
    expect(verdict(first, owner, start).ok && verdict(moved, owner, start + 5).ok).toBe(true);
    const roster = rosterOf(owner);
    roster.take(moved, start + 9);
    const other = selfOf(makeMember(token, { name: 'new', ip: '10.144.1.2' }, env));
    roster.take(witnessed(other.credential, relay, start + 8), start + 9);
    expect(roster.holderOf(0x0a90_0102)?.name).toBe('new');
    // The same certificate with a receipt of now replaces it.
    const upgraded = roster.take(witnessed(moved, relay, start + 1), start + 9);
    expect(upgraded).toMatchObject({ kind: 'changed', member: { claims: { ip: start + 1 } } });
    expect(roster.holderOf(0x0a90_0102)?.name).toBe('old');
  });
});

describe('resign', () => {
  it('moves to another address, which a witness has to vouch for', () => {
    const owner = network(withRelay);
    const token = decodeToken(makeInvite(owner, invitePlan, env).token);
    const profile = makeMember(token, { name: 'ben' }, env);
    const self = selfOf(profile);
    const received = witnessed(self.credential, relay, start);
    expect(verdict(received, owner, start)).toMatchObject({ ok: true });
    const later = start + 9 * day;
    const addresses = new Set([self.certificate.ip]);
    for (let attempt = 1; attempt < 5; attempt++) {
      const moved = resign(profile, { attempt, current: received }, later);
      expect(verdict(moved, owner, later)).toEqual({ ok: false, fault: 'receipt-other' });
      const nobody = { dateOf: () => undefined, count: () => 1 };
      const { network: facts } = self;
      const again = testify(moved, facts, nobody, undefined, later, relay);
      if (!again.ok) throw new Error(again.fault);
      // It joined when it did, and keeps its name from then; the address is new.
      expect(again.member.claims).toEqual({ joined: start, ip: later, name: start, witnessed: true });
      addresses.add(again.member.ip);
    }
    expect(addresses.size).toBe(5);
  });

  it('takes no receipt that others would refuse, however long', () => {
    const owner = network(withRelay);
    const token = decodeToken(makeInvite(owner, invitePlan, env).token);
    const { credential, network: facts } = selfOf(makeMember(token, { name: 'ben' }, env));
    const good = withGenuineReceipt(credential, receiptOf(credential, relay, start), facts);
    expect(good && verdict(good, owner, start).ok).toBe(true);
    const stranger = generateKeys(systemRandom);
    const bad = [
      new Uint8Array(512).fill(7),
      new Uint8Array(3),
      receiptOf(credential, stranger, start),
      forgedReceipt(credential, stranger, start, { witnessKey: relay.publicKey }),
      forgedReceipt(credential, relay, start, { nodeKey: stranger.publicKey }),
      forgedReceipt(credential, relay, start, { inviteKey: stranger.publicKey }),
      forgedReceipt(credential, relay, start, { ip: 0x0a90_0001 }),
      forgedReceipt(credential, relay, start, { name: 'anna' }),
      forgedReceipt(credential, relay, start, { ipSince: start - 1 }),
      receiptOf(credential, relay, start + 2 * day),
    ];
    for (const receipt of bad) expect(withGenuineReceipt(credential, receipt, facts)).toBeUndefined();
  });

  it('is the later one although the clock went back', () => {
    const owner = network();
    const profile = makeMember(decodeToken(makeInvite(owner, invitePlan, env).token), { name: 'ben' }, env);
    const roster = rosterOf(owner);
    roster.take(witnessedBy(owner, selfOf(profile).credential), start);
    const moved = resign(profile, { ip: '10.144.1.2', name: 'bert' }, start - 30 * day);
    const verdict = roster.take(witnessedBy(owner, moved), start);
    expect(verdict).toMatchObject({ kind: 'changed', member: { name: 'bert', ip: 0x0a90_0102 } });
  });

  it('works for the first member', () => {
    const owner = network();
    const moved = verdict(resign(owner, { attempt: 1 }, start + day), owner, start + day);
    expect(moved.ok).toBe(true);
  });

  it('refuses addresses outside', () => {
    expect(codeOf(() => resign(network(), { ip: '192.0.2.1' }, start))).toBe('EVIO_ADDRESS_OUTSIDE');
  });
});

describe('selfOf', () => {
  it('says corrupt, whatever was changed', () => {
    const profile = network();
    const bytes = fromBase64Url(profile.network) as Uint8Array;
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: bytes.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        (at, flip) => {
          const changed = bytes.slice();
          changed[at] = (changed[at] as number) ^ flip;
          expect(codeOf(() => selfOf({ ...profile, network: toBase64Url(changed) }))).toBe(
            'EVIO_PROFILE_CORRUPT',
          );
        },
      ),
      { numRuns: 30 },
    );
    expect(codeOf(() => selfOf({ ...profile, credential: 'AAAA' }))).toBe('EVIO_PROFILE_CORRUPT');
  });
});

describe('nodeNameFrom', () => {
  it('always makes a DNS label', () => {
    expect(nodeNameFrom('Web_01.example.org')).toBe('web-01');
    expect(nodeNameFrom('')).toBe('node');
    fc.assert(
      fc.property(fc.string({ maxLength: 100 }), (text) => {
        const name = nodeNameFrom(text);
        expect(checkNodeName(name)).toBe(name);
      }),
    );
  });
});
