/** Members of a network without relays, whose root is the witness: what every test of peers, nodes and overlays begins with. */
import {
  encodeCredential,
  parseCertificate,
  parseCredential,
  signCertificate,
} from '../../src/core/identity/certificate.js';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { decodeToken } from '../../src/core/identity/token.js';
import { toBase64Url } from '../../src/core/lib/bytes.js';
import type { Clock } from '../../src/core/lib/env.js';
import { makeInvite, makeMember, makeNetwork } from '../../src/core/membership/certify.js';
import type { Profile } from '../../src/core/membership/profile.js';
import { secretBytes, selfOf } from '../../src/core/membership/self.js';
import { witnessed } from './receipts.js';
import { SeededRandom } from './virtual.js';

/** Profiles of a network's first members, `n0` first, who made it. */
export function memberProfiles(count: number, clock: Clock, seed = 99): Profile[] {
  const env = { clock, random: new SeededRandom(seed) };
  const plan = { name: 'lab', cidr: '10.144.0.0/16', relays: [], mtu: 1350, nodeName: 'n0' };
  const first = makeNetwork(plan, env);
  const { token } = makeInvite(first, { expiresMs: 3_600_000, uses: 0, role: 'switch', tags: [] }, env);
  const out = [first];
  const root = keysFromSeed(secretBytes(first.rootSeed ?? ''));
  for (let i = 1; i < count; i++) {
    const profile = makeMember(decodeToken(token), { name: `n${i}` }, env);
    const credential = witnessed(selfOf(profile).credential, root, clock.date());
    out.push({ ...profile, credential: toBase64Url(credential) });
  }
  return out;
}

/** The member with a certificate that ends soon. */
export function endingAt(profile: Profile, notAfter: number): Profile {
  const parts = parseCredential(secretBytes(profile.credential));
  const certificate = parts && parseCertificate(parts.certificate);
  if (!parts || !certificate) throw new Error('no credential');
  const issuer = keysFromSeed(secretBytes(profile.inviteSeed ?? profile.rootSeed ?? ''));
  const node = keysFromSeed(secretBytes(profile.nodeSeed));
  const signed = signCertificate({ ...certificate, notAfter }, issuer, node);
  return { ...profile, credential: toBase64Url(encodeCredential({ ...parts, certificate: signed })) };
}
