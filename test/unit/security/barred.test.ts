/**
 * Who is barred is barred by its key, whatever is written around the key or signed below it: Nebula kept a list of fingerprints
 * of certificates, and a signature that was rewritten, and still held, was another fingerprint (CVE-2026-25793).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  encodeCredential,
  parseCredential,
  signCertificate,
  verifyCredential,
} from '../../../src/core/identity/certificate.js';
import { generateKeys, keysFromSeed, signatureLength, type Keys } from '../../../src/core/identity/keys.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { Ledger } from '../../../src/core/ledger/ledger.js';
import { fromBase64Url, toBase64Url } from '../../../src/core/lib/bytes.js';
import { silentLogger } from '../../../src/core/lib/env.js';
import { makeInvite, makeMember } from '../../../src/core/membership/certify.js';
import type { Profile } from '../../../src/core/membership/profile.js';
import { Roster } from '../../../src/core/membership/roster.js';
import { claimantOf, secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { createInitiation } from '../../../src/core/noise/ik.js';
import { StampSource } from '../../../src/core/noise/tai64n.js';
import { encodeInitPayload } from '../../../src/core/wire/handshake.js';
import { signalVersion } from '../../../src/core/wire/signal.js';
import { admit } from '../../../src/rendezvous/admission.js';
import { Gate } from '../../../src/rendezvous/gate.js';
import { Ledgers } from '../../../src/rendezvous/ledgers.js';
import { defaultLimits } from '../../../src/rendezvous/limits.js';
import { Registry } from '../../../src/rendezvous/registry.js';
import { bar, said } from '../../support/ledger.js';
import { memberProfiles } from '../../support/members.js';
import { peerPair } from '../../support/peer-pair.js';
import { witnessed } from '../../support/receipts.js';
import { SeededRandom, VirtualClock } from '../../support/virtual.js';
import { TestNetwork } from '../rendezvous/relay-kit.js';

/** The order of Ed25519's group (RFC 8032, 5.1). */
const order = 2n ** 252n + 27742317777372353535851937790883648493n;

/** The signature that ends at `end`, with S + L for S: the same equation, other bytes. */
function malleate(signed: Uint8Array, end = signed.length): Uint8Array {
  const out = signed.slice();
  let s = order;
  for (let i = 0; i < 32; i++) s += BigInt(out[end - 32 + i] as number) << BigInt(8 * i);
  for (let i = 0; i < 32; i++, s >>= 8n) out[end - 32 + i] = Number(s & 0xffn);
  return out;
}

/** A credential with each of its signatures rewritten in turn. */
function malleated(credential: Uint8Array): [string, Uint8Array][] {
  const parts = parseCredential(credential);
  if (!parts) throw new Error('no credential');
  const { certificate, invite, receipt } = parts;
  const inner = certificate.length - signatureLength;
  const variants: [string, Uint8Array][] = [
    ['S + L of its owner', encodeCredential({ ...parts, certificate: malleate(certificate) })],
    ['S + L of its issuer', encodeCredential({ ...parts, certificate: malleate(certificate, inner) })],
    ['S + L of the invite', encodeCredential({ ...parts, invite: malleate(invite) })],
  ];
  if (receipt.length > 0)
    variants.push(['S + L of the witness', encodeCredential({ ...parts, receipt: malleate(receipt) })]);
  return variants;
}

describe('a member that is barred, by another certificate of its key', () => {
  const clock = new VirtualClock();
  const [first, second, third] = memberProfiles(3, clock) as [Profile, Profile, Profile];
  const root = keysFromSeed(secretBytes(first.rootSeed ?? ''));
  const mallory = selfOf(third);
  const env = { clock, random: new SeededRandom(4) };
  const another = decodeToken(
    makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'leaf', tags: ['x'] }, env).token,
  );
  const byInvite = (ip?: string): Uint8Array => {
    const wish = { name: 'nobody', ip };
    const profile = makeMember(another, wish, env, { nodeSeed: third.nodeSeed });
    return witnessed(fromBase64Url(profile.credential) as Uint8Array, root, clock.date());
  };
  const signedAnew = encodeCredential({
    ...mallory.parts,
    certificate: signCertificate(
      { ...mallory.certificate, notBefore: mallory.certificate.notBefore + 1 },
      keysFromSeed(secretBytes(third.inviteSeed ?? '')),
      mallory.keys,
    ),
  });
  const genuine: [string, Uint8Array][] = [
    ['as it was', mallory.credential],
    ['signed anew', signedAnew],
    ['another invite, name and tags', byInvite()],
    ['another address', byInvite('10.144.7.7')],
  ];
  const rewritten = [mallory.credential, byInvite()].flatMap(malleated);
  const ledger = new Ledger(root.publicKey);
  ledger.take(said(ledger, root, bar(mallory.keys)));
  const seconds = claimantOf(selfOf(second));
  const { network } = mallory;

  it.each(genuine)('%s, is out at the roster', (_, credential) => {
    const authority = { now: new Ledger(root.publicKey).standing };
    const roster = new Roster(
      network,
      () => seconds,
      undefined,
      () => authority.now,
    );
    expect(roster.take(credential, clock.date()).kind).toBe('new');
    authority.now = ledger.standing;
    expect(roster.revoked().map(({ idText }) => idText)).toEqual([mallory.idText]);
    roster.remove(mallory.idText);
    expect(roster.take(credential, clock.date())).toEqual({ kind: 'refused', fault: 'revoked' });
  });

  it.each(rewritten)('%s, holds nowhere, and is barred before its signatures are looked at', (_, bytes) => {
    expect(verifyCredential(bytes, network, clock.date()).ok).toBe(false);
    const roster = new Roster(
      network,
      () => seconds,
      undefined,
      () => ledger.standing,
    );
    expect(roster.take(bytes, clock.date())).toEqual({ kind: 'refused', fault: 'revoked' });
  });

  it('is out at the handshake door', async () => {
    for (const isBarred of [false, true])
      for (const [what, credential] of [...genuine, ...(isBarred ? rewritten : [])]) {
        const authority = isBarred ? ledger.standing : new Ledger(root.publicKey).standing;
        const { a, clock: now } = await peerPair({ authority: () => authority });
        const { packet } = createInitiation({
          suite: a.context.suite,
          prologue: a.context.prologue,
          localStatic: mallory.keys.dh,
          remoteStatic: a.self.keys.dh.publicKey,
          payload: encodeInitPayload({
            stamp: new StampSource(now).next(),
            boot: 9,
            certificate: credential,
          }),
          senderIndex: 77,
          random: new SeededRandom(5),
        });
        const origin = { kind: 'direct', endpoint: { host: '198.51.100.7', port: 700 } } as const;
        expect(a.door.initiation(now.now(), packet, origin)?.member.idText, what).toBe(
          isBarred ? undefined : mallory.idText,
        );
        expect(a.handshakes.length, what).toBe(isBarred ? 0 : 1);
      }
  });
});

describe('a relay', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-barred-'));
  afterAll(() => {
    rmSync(folder, { recursive: true });
  });

  it('admits none of them', () => {
    const random = new SeededRandom(6);
    const keys = generateKeys(random);
    const network = new TestNetwork([{ address: '127.0.0.1:3478', key: keys.publicKey }]);
    const registry = new Registry();
    const gate = new Gate({ open: true, allow: new Set() }, keys, registry);
    const ledgers = new Ledgers(folder, silentLogger);
    const come = (who: Keys, credential: Uint8Array): string => {
      const hello = {
        type: 'hello' as const,
        version: signalVersion,
        agent: 'evio/test',
        network: toBase64Url(network.networkBytes),
        credential: toBase64Url(credential),
      };
      const context = { keys, gate, registry, ledgers, limits: defaultLimits, observed: '127.0.0.1' };
      const verdict = admit(hello, who.dh.publicKey, { ...context, dateMs: Date.now() });
      return verdict.ok ? 'ok' : verdict.code;
    };
    const mallory = generateKeys(random);
    const invites = [network.invite({ uses: 1 }), network.invite({ uses: 1 })];
    const wish = { keys: mallory };
    const genuine = [
      network.node(5, invites[0], wish).credential,
      network.node(6, invites[1], { ...wish, name: 'nobody' }).credential,
      network.node(7, undefined, wish).credential,
    ];
    const friend = network.node(1);
    expect(come(friend.keys, friend.credential)).toBe('ok');
    expect(genuine.map((credential) => come(mallory, credential))).toEqual(['ok', 'ok', 'ok']);
    const ledger = new Ledger(network.root.publicKey);
    ledgers.of(network.root.publicKey).take([said(ledger, network.root, bar(mallory))]);
    const rewritten = malleated(genuine[0] as Uint8Array).map(([, credential]) => credential);
    for (const credential of [...genuine, ...rewritten]) expect(come(mallory, credential)).toBe('revoked');
    // Only it: a friend by the same invite comes in.
    const other = network.node(8, network.invite());
    expect(come(other.keys, other.credential)).toBe('ok');
  });
});
