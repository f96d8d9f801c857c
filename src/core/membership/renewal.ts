/**
 * How a membership is prolonged: its member signs itself a certificate with a later end, and an admin signs that it may have
 * it (a renewal of identity/certificate.ts) and since when it has what it claims. Pure: nothing is sent or stored here.
 */
import type { Authority } from '../identity/authority.js';
import {
  certificateLifeMs,
  clockSkewMs,
  encodeCredential,
  maxCredentialLength,
  parseCertificate,
  parseCredential,
  signCertificate,
  verifyCredential,
  type Member,
} from '../identity/certificate.js';
import {
  isRenewal,
  parseInvite,
  Right,
  Role,
  signInvite,
  type Invite,
  type Renewal,
} from '../identity/invite.js';
import type { Keys } from '../identity/keys.js';
import type { NetworkFacts } from '../identity/network.js';
import { makeReceipt } from '../identity/receipt.js';
import type { Succession } from '../identity/succession.js';
import { equalBytes } from '../lib/bytes.js';
import type { Self } from './self.js';

/** Part of a certificate's life that is left when it is renewed. */
const leftAtRenewal = 1 / 3;
/** Of that, how much earlier some do it, so that not all who joined together ask together. */
const spread = 0.15;

/** When the membership began to run, and when it ends, ms since 1970. */
export interface Term {
  readonly from: number;
  readonly until: number;
}

function inviteOf({ parts }: Pick<Self, 'parts'>): Invite | undefined {
  return parts.invite.length > 0 ? parseInvite(parts.invite) : undefined;
}

/** The term of our own membership. */
export function termOf(self: Pick<Self, 'parts' | 'certificate' | 'claims'>): Term {
  const { notBefore, notAfter } = self.certificate;
  const invite = inviteOf(self);
  const limit =
    invite && isRenewal(invite)
      ? invite.notAfter
      : Math.min(notBefore, self.claims.joined) + certificateLifeMs;
  return { from: notBefore, until: Math.min(notAfter, limit) };
}

/** @param chance 0 to 1, of this member; the later the larger */
export function renewalDate({ from, until }: Term, chance: number): number {
  return Math.ceil(until - (until - from) * leftAtRenewal * (1 + spread * (1 - chance)));
}

/**
 * The certificate that this member wishes to have: as it is, with a later end. Signed by itself alone.
 *
 * @param keys that it is for: this member's own, or those that are to take their place
 */
export function wishCertificate(self: Self, lifeMs: number, dateMs: number, keys = self.keys): Uint8Array {
  const { certificate, parts } = self;
  const nodeKey = keys.publicKey;
  const notBefore = Math.max(dateMs, certificate.notBefore + 1);
  // Whom the root signed needs no right for what others need one for.
  const rights = parts.invite.length === 0 ? certificate.rights | Right.route : certificate.rights;
  return signCertificate(
    { ...certificate, nodeKey, rights, notBefore, notAfter: notBefore + lifeMs },
    keys,
    keys,
  );
}

/** What of a member is looked at when it is renewed. */
export type Renewable = Pick<
  Member,
  'key' | 'name' | 'ip' | 'role' | 'rights' | 'tags' | 'claims' | 'ephemeral' | 'credential'
>;

/** This machine, for who may renew itself. */
export function renewableOf(self: Self): Renewable {
  const { nodeKey, name, ip, role, rights, tags } = self.certificate;
  const ephemeral = inviteOf(self)?.ephemeral ?? false;
  return {
    key: nodeKey,
    name,
    ip,
    role,
    rights,
    tags,
    claims: self.claims,
    ephemeral,
    credential: self.credential,
  };
}

/** What an admin grants a member by renewing: what it came by, and no more. */
function grantsOf(
  member: Renewable,
  network: NetworkFacts,
): Pick<Invite, 'roles' | 'rights' | 'range' | 'tags'> {
  const parts = parseCredential(member.credential);
  const invite = parts && parts.invite.length > 0 ? parseInvite(parts.invite) : undefined;
  return (
    invite ?? {
      roles: Role.switch | Role.leaf,
      rights: member.rights | Right.route,
      range: network.cidr,
      tags: member.tags,
    }
  );
}

/**
 * The credential by which a member goes on, or why it has none. Name, address and role are as before; the end is at most a
 * life from now.
 *
 * @param wish the certificate that the member signed
 * @param member as it was verified by `authority`, which judges the result too
 * @param issuer who may invite now
 * @param follows the wish is for another key, which the member's own names by this
 */
export function renew(
  wish: Uint8Array,
  member: Renewable,
  network: NetworkFacts,
  issuer: Keys,
  authority: Authority,
  lifeMs: number,
  dateMs: number,
  follows?: Succession,
): Uint8Array | undefined {
  const certificate = parseCertificate(wish);
  if (!certificate || (!follows && !equalBytes(certificate.nodeKey, member.key))) return undefined;
  const same =
    certificate.name === member.name &&
    certificate.ip === member.ip &&
    certificate.role === member.role &&
    Math.abs(certificate.notBefore - dateMs) <= clockSkewMs;
  if (!same || certificate.notAfter <= dateMs) return undefined;
  const { roles, rights, range, tags } = grantsOf(member, network);
  const renewal: Renewal = {
    issuer: issuer.publicKey,
    ...(follows && { follows }),
    key: certificate.nodeKey,
    notAfter: Math.min(certificate.notAfter, dateMs + lifeMs),
    uses: 0,
    joined: Math.min(member.claims.joined, dateMs),
    roles,
    rights,
    ephemeral: member.ephemeral,
    range,
    tags,
  };
  const known = { joined: renewal.joined, member };
  const credential = encodeCredential({
    certificate: wish,
    invite: signInvite(renewal, issuer),
    receipt: makeReceipt(certificate, certificate.nodeKey, known, dateMs, issuer),
  });
  if (credential.length > maxCredentialLength) return undefined;
  return verifyCredential(credential, network, dateMs, true, authority).ok ? credential : undefined;
}

/** True for a renewed credential of ours that is worth to be taken: the others would take it, and it ends later. */
export function isImprovement(
  credential: Uint8Array,
  self: Self,
  authority: Authority,
  dateMs: number,
): boolean {
  const verdict = verifyCredential(credential, self.network, dateMs, true, authority);
  if (!verdict.ok) return false;
  const { member } = verdict;
  const { name, ip } = self.certificate;
  return (
    member.idText === self.idText &&
    member.name === name &&
    member.ip === ip &&
    member.signedAt > self.certificate.notBefore &&
    member.notAfter > dateMs
  );
}
