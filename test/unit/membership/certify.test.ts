import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeCredential,
  Role,
  signCertificate,
  signReceipt,
  verifyCredential,
} from '../../../src/core/identity/certificate.js';
import {
  makeMember,
  makeInvite,
  makeNetwork,
  resign,
  type NetworkPlan,
} from '../../../src/core/membership/certify.js';
import { checkNodeName, nodeNameFrom } from '../../../src/core/identity/names.js';
import { Roster } from '../../../src/core/membership/roster.js';
import { selfOf, withGenuineReceipt, withReceipt } from '../../../src/core/membership/self.js';
import { dhPublicKey, generateKeys } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { fromBase64Url, toBase64Url } from '../../../src/core/lib/bytes.js';
import { systemRandom, type Clock } from '../../../src/core/lib/env.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { formatIpv4 } from '../../../src/core/lib/ipv4.js';

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

function verdict(credential: Uint8Array, profile: ReturnType<typeof network>, atMs: number) {
  return verifyCredential(credential, selfOf(profile).network, atMs);
}

describe('makeNetwork', () => {
  it('makes a first member that everyone can verify', () => {
    const profile = network();
    const self = selfOf(profile);
    const result = verdict(self.credential, profile, start + 1);
    expect(result).toMatchObject({ ok: true, member: { name: 'anna', role: Role.switch, inviteId: '' } });
    expect(self.network.receipts).toBe(false);
    expect(selfOf(network(withRelay)).network.receipts).toBe(true);
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
    expect(verdict(selfOf(profile).credential, owner, start + 1)).toMatchObject({
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
      return new Roster(selfOf(owner).network, '').take(
        encodeCredential({ certificate: signed, invite: token.inviteBytes, receipt: new Uint8Array(0) }),
        start + 1,
      );
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
      new Roster(selfOf(owner).network, '').take(
        encodeCredential({
          certificate: signCertificate({ ...victim.certificate, ip: 0x0a90_0005 }, token.inviteKeys, signer),
          invite: token.inviteBytes,
          receipt: new Uint8Array(0),
        }),
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
      expect(new Roster(selfOf(owner).network, '').take(credential, start + 1).kind).toBe(kind);
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

describe('resign', () => {
  it('moves to another address and keeps the receipt', () => {
    const owner = network(withRelay);
    const token = decodeToken(makeInvite(owner, invitePlan, env).token);
    const profile = makeMember(token, { name: 'ben' }, env);
    const self = selfOf(profile);
    expect(verdict(self.credential, owner, start)).toMatchObject({ ok: false, fault: 'receipt-missing' });
    const receipt = signReceipt(
      { relayKey: relay.publicKey, inviteKey: token.invite.key, nodeKey: self.keys.publicKey, time: start },
      relay,
    );
    const received = withReceipt(self.credential, receipt);
    expect(verdict(received, owner, start)).toMatchObject({ ok: true });
    const addresses = new Set([self.certificate.ip]);
    for (let attempt = 1; attempt < 5; attempt++) {
      const moved = verdict(
        resign(profile, { attempt, current: received }, start + 9 * day),
        owner,
        start + 9 * day,
      );
      expect(moved.ok).toBe(true);
      if (moved.ok) addresses.add(moved.member.ip);
    }
    expect(addresses.size).toBe(5);
  });

  it('takes no receipt that others would refuse, however long', () => {
    const owner = network(withRelay);
    const token = decodeToken(makeInvite(owner, invitePlan, env).token);
    const { credential, keys, network: facts } = selfOf(makeMember(token, { name: 'ben' }, env));
    const fields = {
      relayKey: relay.publicKey,
      inviteKey: token.invite.key,
      nodeKey: keys.publicKey,
      time: start,
    };
    const good = withGenuineReceipt(credential, signReceipt(fields, relay), facts);
    expect(good && verdict(good, owner, start).ok).toBe(true);
    const stranger = generateKeys(systemRandom);
    const bad = [
      new Uint8Array(512).fill(7),
      new Uint8Array(3),
      signReceipt({ ...fields, relayKey: stranger.publicKey }, stranger),
      signReceipt({ ...fields, nodeKey: stranger.publicKey }, relay),
      signReceipt({ ...fields, time: start + 2 * day }, relay),
    ];
    for (const receipt of bad) expect(withGenuineReceipt(credential, receipt, facts)).toBeUndefined();
  });

  it('stays valid without relays after the invite has expired', () => {
    const owner = network();
    const profile = makeMember(decodeToken(makeInvite(owner, invitePlan, env).token), { name: 'ben' }, env);
    const moved = verdict(resign(profile, { ip: '10.144.1.2' }, start + 30 * day), owner, start + 30 * day);
    expect(moved.ok && formatIpv4(moved.member.ip)).toBe('10.144.1.2');
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
