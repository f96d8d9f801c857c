/** A credential that is here already comes again with every handshake, and with all others whenever a relay is back. */
import { describe, expect, it, vi } from 'vitest';
import * as keys from '../../../src/core/identity/keys.js';
import { foundingAuthority, type Authority } from '../../../src/core/identity/authority.js';
import { certificateLifeMs } from '../../../src/core/identity/certificate.js';
import { noClaims } from '../../../src/core/identity/claims.js';
import { decodeToken } from '../../../src/core/identity/token.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { makeInvite, makeMember, makeNetwork } from '../../../src/core/membership/certify.js';
import { Roster } from '../../../src/core/membership/roster.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { witnessed } from '../../support/receipts.js';

const counted = vi.hoisted(() => ({ verified: 0 }));
vi.mock(import('../../../src/core/identity/keys.js'), async (original) => {
  const real = await original();
  const verify: typeof keys.verify = (...args) => {
    counted.verified++;
    return real.verify(...args);
  };
  return { ...real, verify };
});

const start = Date.UTC(2026, 10, 22);

function rig() {
  const clock = { now: () => 0, date: () => start, after: () => () => undefined };
  const env = { clock, random: systemRandom };
  const plan = { name: 'home', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'anna' };
  const owner = makeNetwork(plan, env);
  const root = keys.keysFromSeed(secretBytes(owner.rootSeed ?? ''));
  const { network, credential: founder } = selfOf(owner);
  const { token } = makeInvite(owner, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
  const profile = makeMember(decodeToken(token), { name: 'berta', ip: '10.144.1.1' }, env);
  const credential = witnessed(selfOf(profile).credential, root, start);
  const said = { barred: false };
  const authority: Authority = Object.assign(Object.create(foundingAuthority(network.rootKey)) as Authority, {
    isBarred: () => said.barred,
  });
  const self = { idText: '', mac: new Uint8Array(6), ip: 0, name: '', claims: noClaims };
  const roster = new Roster(
    network,
    () => self,
    undefined,
    () => authority,
  );
  /** What became of it, and how many signatures were verified for that. */
  const take = (bytes: Uint8Array, dateMs = start + 9): [string, number] => {
    counted.verified = 0;
    const verdict = roster.take(bytes, dateMs);
    return [verdict.kind === 'refused' ? verdict.fault : verdict.kind, counted.verified];
  };
  return { founder, credential, said, take };
}

describe('a credential that was taken', () => {
  it('costs no signature when it comes again, in a copy too', () => {
    const { founder, credential, take } = rig();
    expect(take(credential)).toEqual(['new', 4]);
    expect(take(credential.slice())).toEqual(['known', 0]);
    expect(take(founder)).toEqual(['new', 2]);
    expect(take(founder.slice())).toEqual(['known', 0]);
  });

  it('is verified where a byte of it differs, in a signature too', () => {
    const { credential, take } = rig();
    take(credential);
    for (const at of [40, credential.length - 1]) {
      const other = credential.slice();
      other[at] = (other[at] as number) ^ 1;
      expect(take(other)[0]).not.toBe('known');
    }
    expect(take(credential)).toEqual(['known', 0]);
  });

  it('is refused once it has ended, or its member is barred, as one that is new', () => {
    const { credential, said, take } = rig();
    take(credential);
    expect(take(credential, start + 2 * certificateLifeMs)).toEqual(['expired', 0]);
    expect(take(credential)).toEqual(['known', 0]);
    said.barred = true;
    expect(take(credential)).toEqual(['revoked', 0]);
  });
});
