/**
 * How a member gets another key: its old one names the new one, an admin renews the membership for it, and the ledger says
 * that the one follows the other. Name, address, tags, rights and all dates stay. Pure: nothing is sent or stored here.
 */
import { withSuccession, type Authority } from '../identity/authority.js';
import { parseCertificate, parseCredential, verifyCredential } from '../identity/certificate.js';
import { parseInvite } from '../identity/invite.js';
import { signatureLength, type Keys } from '../identity/keys.js';
import { nodeIdOf, nodeIdText } from '../identity/node-id.js';
import type { NetworkFacts } from '../identity/network.js';
import { signSuccession, type Succession } from '../identity/succession.js';
import { concatBytes, equalBytes, toBase64Url } from '../lib/bytes.js';
import type { Profile } from './profile.js';
import { renew, wishCertificate, type Renewable } from './renewal.js';
import type { Self } from './self.js';

/** How often the key of one membership may be replaced, and within what time, ms: each costs room in the ledger for good. */
export const keysPerDay = 3;
export const dayMs = 86_400_000;

/** The wish of a member: the signature of its succession, and the certificate that the new key is to have. */
export function wishNewKey(self: Self, next: Keys, lifeMs: number, dateMs: number): Uint8Array {
  const { signature } = signSuccession(self.network.rootKey, self.keys, next.publicKey);
  return concatBytes(signature, wishCertificate(self, lifeMs, dateMs, next));
}

/**
 * The credential of the new key, which counts once the ledger says so; undefined for a wish that is not granted.
 *
 * @param member as it was verified by `authority`, which has not heard of another key yet
 * @param issuer who may invite now
 */
export function renewForKey(
  wish: Uint8Array,
  member: Renewable,
  network: NetworkFacts,
  issuer: Keys,
  authority: Authority,
  lifeMs: number,
  dateMs: number,
): Uint8Array | undefined {
  const certificate = wish.subarray(signatureLength);
  const nodeKey = parseCertificate(certificate)?.nodeKey;
  if (!nodeKey || equalBytes(nodeKey, member.key)) return undefined;
  const follows: Succession = { key: member.key, signature: wish.slice(0, signatureLength) };
  const [old, id] = [idOf(member.key), idOf(nodeKey)];
  if (authority.isBarred(old) || authority.isBarred(id)) return undefined;
  const said = withSuccession(authority, old, id);
  return renew(certificate, member, network, issuer, said, lifeMs, dateMs, follows);
}

/** True for a credential by which this machine goes on under the key `next`, once the ledger says so. */
export function isForKey(
  credential: Uint8Array,
  next: Uint8Array,
  self: Self,
  authority: Authority,
  dateMs: number,
): boolean {
  const parts = parseCredential(credential);
  const follows = parts && parts.invite.length > 0 ? parseInvite(parts.invite)?.follows : undefined;
  if (!follows || !equalBytes(follows.key, self.keys.publicKey)) return false;
  const said = withSuccession(authority, self.idText, idOf(next));
  const verdict = verifyCredential(credential, self.network, dateMs, true, said);
  if (!verdict.ok) return false;
  const { name, ip, role } = self.certificate;
  const { member } = verdict;
  return equalBytes(member.key, next) && member.name === name && member.ip === ip && member.role === role;
}

/**
 * The profile of this machine under its new key. What it joined by goes: a renewal needs no invite. From the instant in
 * which this is on disk the old key is used no more.
 */
export function withNewKey(profile: Profile, next: Keys, credential: Uint8Array): Profile {
  const { invite: _, inviteSeed: __, ...rest } = profile;
  return { ...rest, nodeSeed: toBase64Url(next.seed), credential: toBase64Url(credential) };
}

function idOf(key: Uint8Array): string {
  return nodeIdText(nodeIdOf(key));
}
