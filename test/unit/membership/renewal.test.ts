/** What an admin's renewal is worth, and what it is not. */
import { describe, expect, it } from 'vitest';
import {
  encodeCredential,
  parseCertificate,
  parseCredential,
  signCertificate,
  verifyCredential,
  type Member,
} from '../../../src/core/identity/certificate.js';
import { parseInvite, Right, signInvite } from '../../../src/core/identity/invite.js';
import { generateKeys, keysFromSeed } from '../../../src/core/identity/keys.js';
import { foundingAuthority } from '../../../src/core/identity/authority.js';
import { testify } from '../../../src/core/identity/witness.js';
import { systemRandom } from '../../../src/core/lib/env.js';
import { resign } from '../../../src/core/membership/certify.js';
import {
  isImprovement,
  renew,
  renewalDate,
  termOf,
  wishCertificate,
} from '../../../src/core/membership/renewal.js';
import { secretBytes, selfOf } from '../../../src/core/membership/self.js';
import { memberProfiles } from '../../support/members.js';
import { VirtualClock } from '../../support/virtual.js';

const clock = new VirtualClock();
const year = 365 * 86_400_000;
const [first, second, third] = memberProfiles(3, clock);
if (!first || !second || !third) throw new Error('three members');
const root = keysFromSeed(secretBytes(first.rootSeed ?? ''));
const self = selfOf(second);
const { network } = self;
const authority = foundingAuthority(network.rootKey);
const noUses = { dateOf: () => undefined, count: () => 0 };
const now = clock.date() + 4 * year;

function memberOf(credential: Uint8Array, dateMs = now): Member {
  const verdict = verifyCredential(credential, network, dateMs, true, authority);
  if (!verdict.ok) throw new Error(verdict.fault);
  return verdict.member;
}
const member = memberOf(self.credential);
const wish = wishCertificate(self, 5 * year, now);
const renewed = renew(wish, member, network, root, authority, 5 * year, now) as Uint8Array;
const parts = parseCredential(renewed) as NonNullable<ReturnType<typeof parseCredential>>;

/** The fault of this credential, four years later. */
function faultOf(change: Partial<typeof parts>): string {
  const verdict = verifyCredential(encodeCredential({ ...parts, ...change }), network, now, true, authority);
  return verdict.ok ? 'none' : verdict.fault;
}

describe('a renewal', () => {
  it('prolongs the membership, and changes nothing else', () => {
    const after = memberOf(renewed);
    expect(after.notAfter).toBe(now + 5 * year);
    const { name, ip, role, rights, tags, claims, idText } = member;
    expect(after).toMatchObject({ name, ip, role, rights, tags, claims, idText });
    expect(isImprovement(renewed, self, authority, now)).toBe(true);
    expect(isImprovement(self.credential, self, authority, now)).toBe(false);
    expect(termOf(selfOf(second, renewed)).until).toBe(now + 5 * year);
  });

  it('is due at two thirds of the life, and never after', () => {
    const term = { from: 0, until: 9_000 };
    expect(renewalDate(term, 1)).toBe(6_000);
    expect(renewalDate(term, 0)).toBe(5_550);
  });

  it('leads to the next, and to other names', () => {
    const later = now + 4 * year;
    const own = selfOf(second, renewed);
    const again = renew(
      wishCertificate(own, 5 * year, later),
      memberOf(renewed),
      network,
      root,
      authority,
      5 * year,
      later,
    );
    expect(again && memberOf(again, later)).toMatchObject({
      notAfter: later + 5 * year,
      claims: member.claims,
    });
    const bare = resign(second, { name: 'other', current: renewed }, now + 1);
    const witnessed = testify(bare, network, noUses, undefined, now + 2, root, authority);
    expect(witnessed.ok && witnessed.member).toMatchObject({
      name: 'other',
      notAfter: now + 5 * year,
      claims: { joined: member.claims.joined, ip: member.claims.ip, name: now + 2 },
    });
  });

  it('is refused to who wishes for more than it has', () => {
    const certificate = parseCertificate(wish) as NonNullable<ReturnType<typeof parseCertificate>>;
    const wishes = [
      { name: 'other' },
      { ip: certificate.ip + 1 },
      { role: 2 },
      { rights: Right.admin },
      { tags: ['more'] },
      { nodeKey: selfOf(third).keys.publicKey },
      { notBefore: now + 2 * 86_400_000 },
    ];
    for (const change of wishes) {
      const asked = signCertificate({ ...certificate, ...change }, self.keys, self.keys);
      expect(renew(asked, member, network, root, authority, 5 * year, now)).toBeUndefined();
    }
    const long = signCertificate({ ...certificate, notAfter: now + 50 * year }, self.keys, self.keys);
    const given = renew(long, member, network, root, authority, year, now);
    expect(given && memberOf(given).notAfter).toBe(now + year);
  });

  it('counts from nobody but who may invite', () => {
    const thief = generateKeys(systemRandom);
    expect(renew(wish, member, network, thief, authority, 5 * year, now)).toBeUndefined();
    const own = parseInvite(parts.invite) as NonNullable<ReturnType<typeof parseInvite>>;
    expect(faultOf({ invite: signInvite({ ...own, issuer: thief.publicKey }, thief) })).toBe('revoked');
    // The name of the root over another's signature.
    expect(faultOf({ invite: signInvite(own, thief) })).toBe('bad-invite');
  });

  it('is worth nothing to another key, and is no invite', () => {
    const other = selfOf(third);
    const certificate = parseCertificate(wish) as NonNullable<ReturnType<typeof parseCertificate>>;
    const stolen = signCertificate({ ...certificate, nodeKey: other.keys.publicKey }, self.keys, other.keys);
    expect(faultOf({ certificate: stolen })).toBe('bad-invite');
    expect(faultOf({ receipt: new Uint8Array(0) })).toBe('receipt-missing');
    expect(faultOf({ receipt: self.parts.receipt })).toBe('receipt-bad');
  });
});
