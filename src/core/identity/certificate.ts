/**
 * The chain root → invite (invite.ts) → node, and the receipt of a witness (receipt.ts): verified offline by everyone.
 *
 *   certificate  version 1 | node key 32 | name (1+n) | ip 4 | role 1 | rights 1 | tags 1 ( 1+n )* | not before 8 | not after 8
 *                | signature 64 by the invite key, or by the root key when there is no invite
 *                | signature 64 by the node key over label ‖ all before: whoever joined by the same invite holds its key,
 *                  and must not be able to sign for others
 *   credential   certificate (2+n) | invite (2+n, empty when the root signed) | receipt (2+n, empty when there is none)
 *
 * Times are milliseconds since 1970. Signatures cover a label and everything before them. The dates of a certificate are
 * the member's own: they end a membership, and never begin or prolong one. When it began is what the witness says; who
 * prolongs it is an admin, by a renewal, whose `not after` is the end and which the admin may witness itself.
 */
import { ByteReader, ByteWriter, compareBytes, equalBytes, utf8 } from '../lib/bytes.js';
import { containsCidr, isHostAddress } from '../lib/ipv4.js';
import { admissionOf, foundingAuthority, type Authority, type SuccessionState } from './authority.js';
import { noClaims, type Claims } from './claims.js';
import { isRenewal, parseInvite, readTags, Role, verifyInvite, writeTags, type Invite } from './invite.js';
import { signatureLength, type Keys } from './keys.js';
import type { NetworkFacts } from './network.js';
import { inviteIdOf, macOf, nodeIdOf, nodeIdText } from './node-id.js';
import { claimsIn, isRelayOf, parseReceipt, signedDate, verifyReceipt, type Receipt } from './receipt.js';
import { genuine, seal } from './signed.js';
import { isGenuineSuccession } from './succession.js';

export interface Certificate {
  readonly nodeKey: Uint8Array;
  readonly name: string;
  readonly ip: number;
  readonly role: number;
  readonly rights: number;
  readonly tags: readonly string[];
  readonly notBefore: number;
  readonly notAfter: number;
}

/** The three documents as they travel; `invite` and `receipt` may be empty. */
export interface CredentialParts {
  readonly certificate: Uint8Array;
  readonly invite: Uint8Array;
  readonly receipt: Uint8Array;
}

const version = 1;
const labels = {
  certificate: utf8('evio certificate 1'),
  owner: utf8('evio certificate owner 1'),
};
/** How far ahead of ours the clock of a member or witness may be: a machine that is wrong by a day still works. */
export const clockSkewMs = 25 * 3_600_000;
/** Life of a membership: long enough that no field device falls off the network unseen. */
export const certificateLifeMs = 5 * 365 * 86_400_000;
/** A certificate chain must leave room in a handshake datagram. */
export const maxCredentialLength = 900;

/** Both signatures of a certificate. */
function ownedAndIssued(signed: Uint8Array, owner: Uint8Array, issuer: Uint8Array): boolean {
  const issued = signed.subarray(0, Math.max(0, signed.length - signatureLength));
  return genuine(labels.owner, signed, owner) && genuine(labels.certificate, issued, issuer);
}

function bodyReader(signed: Uint8Array, signatures = 1): ByteReader | undefined {
  const end = signed.length - signatures * signatureLength;
  if (end <= 0) return undefined;
  const reader = new ByteReader(signed.subarray(0, end));
  return reader.u8() === version ? reader : undefined;
}

/** `issuer` is the invite's key pair, or the root's for the network's first member; `owner` the node's own. */
export function signCertificate(certificate: Certificate, issuer: Keys, owner: Keys): Uint8Array {
  const writer = new ByteWriter()
    .u8(version)
    .bytes(certificate.nodeKey)
    .text(certificate.name)
    .u32(certificate.ip)
    .u8(certificate.role)
    .u8(certificate.rights);
  writeTags(writer, certificate.tags).u64(certificate.notBefore).u64(certificate.notAfter);
  return seal(labels.owner, seal(labels.certificate, writer.finish(), issuer), owner);
}

/** Reads a certificate without verifying it. */
export function parseCertificate(signed: Uint8Array): Certificate | undefined {
  const reader = bodyReader(signed, 2);
  if (!reader) return undefined;
  const certificate: Certificate = {
    nodeKey: reader.bytes(32),
    name: reader.text(),
    ip: reader.u32(),
    role: reader.u8(),
    rights: reader.u8(),
    tags: readTags(reader),
    notBefore: reader.u64(),
    notAfter: reader.u64(),
  };
  return reader.done ? certificate : undefined;
}

export function encodeCredential(parts: CredentialParts): Uint8Array {
  return new ByteWriter(512).block(parts.certificate).block(parts.invite).block(parts.receipt).finish();
}

export function parseCredential(bytes: Uint8Array): CredentialParts | undefined {
  if (bytes.length > maxCredentialLength) return undefined;
  const reader = new ByteReader(bytes);
  const parts = { certificate: reader.block(), invite: reader.block(), receipt: reader.block() };
  return reader.done ? parts : undefined;
}

/** Node id of whom a credential says it is, nothing verified; undefined when it is malformed. */
export function ownerOf(credential: Uint8Array): string | undefined {
  const parts = parseCredential(credential);
  const certificate = parts && parseCertificate(parts.certificate);
  return certificate && nodeIdText(nodeIdOf(certificate.nodeKey));
}

/** A verified member. */
export interface Member {
  readonly id: Uint8Array;
  readonly idText: string;
  readonly key: Uint8Array;
  readonly mac: Uint8Array;
  readonly name: string;
  readonly ip: number;
  readonly role: number;
  readonly rights: number;
  readonly tags: readonly string[];
  /** When its certificate was signed, as it says itself: of two certificates of one member the later counts. */
  readonly signedAt: number;
  /** Since when it has what it claims. */
  readonly claims: Claims;
  /** When its membership ends: by its certificate, and at the latest a life after it began. */
  readonly notAfter: number;
  /** It is forgotten soon after it went. */
  readonly ephemeral: boolean;
  /** Empty when the root signed. */
  readonly inviteId: string;
  /** The bytes that were verified. */
  readonly credential: Uint8Array;
}

/** Claims of a credential that was verified before. */
export function claimsOf(parts: CredentialParts, certificate: Certificate): Claims {
  if (parts.invite.length === 0) return rootClaims(certificate);
  const receipt = parseReceipt(parts.receipt);
  return (receipt && claimsIn(receipt, certificate)) ?? noClaims;
}

/** Whom the root signed has no other witness: it came with its certificate. */
function rootClaims({ notBefore }: Certificate): Claims {
  return { joined: notBefore, ip: notBefore, name: notBefore, witnessed: true };
}

/** True when this credential of a member replaces another one of it. */
export function supersedes(a: Member, b: Member): boolean {
  if (a.signedAt !== b.signedAt) return a.signedAt > b.signedAt;
  if (a.claims.witnessed !== b.claims.witnessed) return a.claims.witnessed;
  const sooner =
    a.claims.ip - b.claims.ip || a.claims.name - b.claims.name || a.claims.joined - b.claims.joined;
  // Whoever signs two certificates of one date has everybody take the same of them.
  return (sooner || compareBytes(a.credential, b.credential)) < 0;
}

/**
 * True when a credential counts no more, whatever its signatures say: its owner is barred, or its invite, or who issued
 * that had no right to, or lost it. It goes by keys, never by the bytes of a document.
 */
export function isRevoked(
  parts: CredentialParts,
  certificate: Certificate,
  rootKey: Uint8Array,
  authority: Authority,
): boolean {
  const idText = nodeIdText(nodeIdOf(certificate.nodeKey));
  const invite = parts.invite.length > 0 ? parseInvite(parts.invite) : undefined;
  if (authority.isBarred(idText)) return true;
  if (successionOf(invite, idText, authority) === 'refused') return true;
  const issuer = invite?.issuer ?? rootKey;
  // Who ended the issuer may have kept the member, or the invite with all who come by it.
  const issued =
    authority.mayIssue(issuer, idText) ||
    (invite !== undefined && authority.mayIssue(issuer, nodeIdText(nodeIdOf(invite.key))));
  if (!issued) return true;
  return invite !== undefined && authority.isInviteBarred(invite.key, idText);
}

/** True for whom admins let in by its key: it may have waited for longer than its invite holds. */
export function isLetIn({ approvals }: Invite, nodeKey: Uint8Array, authority: Authority): boolean {
  return admissionOf(authority, nodeIdText(nodeIdOf(nodeKey)), approvals) === 'let in';
}

/** How it stands with a key that takes the place of another; undefined for one that does not. */
function successionOf(
  invite: Invite | undefined,
  idText: string,
  authority: Authority,
): SuccessionState | undefined {
  return invite?.follows && authority.succession(nodeIdText(nodeIdOf(invite.follows.key)), idText);
}

/**
 * True for who came by an invite, and is to wait until admins let it in; and for a key that takes the place of another,
 * until the ledger says so. It goes by keys, as `isRevoked`.
 */
export function isWaiting(parts: CredentialParts, certificate: Certificate, authority: Authority): boolean {
  const invite = parts.invite.length > 0 ? parseInvite(parts.invite) : undefined;
  const idText = nodeIdText(nodeIdOf(certificate.nodeKey));
  if (successionOf(invite, idText, authority) === 'open') return true;
  return invite !== undefined && admissionOf(authority, idText, invite.approvals) === 'waits';
}

/** Why a credential does not make a member. */
export type CredentialFault =
  | 'malformed'
  | 'bad-invite'
  | 'bad-signature'
  | 'expired'
  | 'not-yet-valid'
  | 'outside-invite'
  | 'receipt-missing'
  | 'receipt-bad'
  | 'receipt-late'
  /** It is dated in the future. */
  | 'receipt-early'
  /** It is for another address or name of this member. */
  | 'receipt-other'
  /** All is well with it, and admins have to let the member in. */
  | 'waiting'
  /** The member is barred, or what it came by counts no more. */
  | 'revoked';

export type CredentialVerdict =
  | { readonly ok: true; readonly member: Member }
  | {
      readonly ok: false;
      readonly fault: CredentialFault;
      /** With the fault `waiting`: who it will be. Its receipt was not looked at. */
      readonly waiting?: Member;
    };

/**
 * Verifies a whole chain against the facts of a network.
 *
 * @param needReceipt false only for the witness that is about to give the receipt: then `claims` are none.
 * @param authority who may sign beside the root key, and who is barred. Default: the root key, and nobody.
 * @param proven the signatures of these bytes were verified before: only what dates and the authority decide is judged anew.
 */
export function verifyCredential(
  bytes: Uint8Array,
  network: NetworkFacts,
  dateMs: number,
  needReceipt = true,
  authority: Authority = foundingAuthority(network.rootKey),
  proven = false,
): CredentialVerdict {
  const fail = (fault: CredentialFault): CredentialVerdict => ({ ok: false, fault });
  const parts = parseCredential(bytes);
  const certificate = parts && parseCertificate(parts.certificate);
  if (!parts || !certificate || certificate.name === '') return fail('malformed');
  // Before any signature is looked at: it costs nothing.
  if (isRevoked(parts, certificate, network.rootKey, authority)) return fail('revoked');
  let inviteId = '';
  let ephemeral = false;
  let waiting = false;
  const { notBefore } = certificate;
  let claims: Claims = noClaims;
  let renewedUntil: number | undefined;
  if (parts.invite.length === 0) {
    if (!proven && !ownedAndIssued(parts.certificate, certificate.nodeKey, network.rootKey))
      return fail('bad-signature');
    claims = rootClaims(certificate);
  } else {
    const invite = proven ? parseInvite(parts.invite) : verifyInvite(parts.invite, network.rootKey);
    if (!invite) return fail('bad-invite');
    if (!proven && !ownedAndIssued(parts.certificate, certificate.nodeKey, invite.key))
      return fail('bad-signature');
    if (isRenewal(invite)) {
      if (!equalBytes(invite.key, certificate.nodeKey)) return fail('bad-invite');
      if (!proven && invite.follows && !isGenuineSuccession(network.rootKey, invite.follows, invite.key))
        return fail('bad-invite');
      renewedUntil = invite.notAfter;
    }
    const within =
      (invite.roles & certificate.role) === certificate.role &&
      (invite.rights & certificate.rights) === certificate.rights &&
      certificate.tags.every((tag) => invite.tags.includes(tag)) &&
      containsCidr(network.cidr, invite.range) &&
      isHostAddress(invite.range, certificate.ip);
    if (!within) return fail('outside-invite');
    inviteId = inviteIdOf(invite.key);
    ephemeral = invite.ephemeral;
    waiting = isWaiting(parts, certificate, authority);
    if (needReceipt && !waiting) {
      if (parts.receipt.length === 0) return fail('receipt-missing');
      const receipt = proven ? parseReceipt(parts.receipt) : verifyReceipt(parts.receipt);
      const witnessed = witnessedClaims(receipt, certificate, invite, network, dateMs, authority);
      if (typeof witnessed === 'string') return fail(witnessed);
      claims = witnessed;
    }
  }
  if (certificate.role !== Role.switch && certificate.role !== Role.leaf) return fail('malformed');
  if (!isHostAddress(network.cidr, certificate.ip)) return fail('outside-invite');
  const began = Math.min(notBefore, claims.joined);
  const notAfter = Math.min(certificate.notAfter, renewedUntil ?? began + certificateLifeMs);
  if (notAfter <= dateMs) return fail('expired');
  if (notBefore > dateMs + clockSkewMs) return fail('not-yet-valid');
  const id = nodeIdOf(certificate.nodeKey);
  const member: Member = {
    id,
    idText: nodeIdText(id),
    key: certificate.nodeKey,
    mac: macOf(id),
    name: certificate.name,
    ip: certificate.ip,
    role: certificate.role,
    rights: certificate.rights,
    tags: certificate.tags,
    signedAt: notBefore,
    claims,
    notAfter,
    ephemeral,
    inviteId,
    credential: bytes,
  };
  return waiting ? { ok: false, fault: 'waiting', waiting: member } : { ok: true, member };
}

/** What a witness said of the certificate, or why that does not count. */
function witnessedClaims(
  receipt: Receipt | undefined,
  certificate: Certificate,
  invite: Invite,
  network: NetworkFacts,
  dateMs: number,
  authority: Authority,
): Claims | CredentialFault {
  const ours =
    receipt &&
    equalBytes(receipt.inviteKey, invite.key) &&
    equalBytes(receipt.nodeKey, certificate.nodeKey) &&
    isWitnessOf(receipt, invite, network, authority);
  if (!ours) return 'receipt-bad';
  if (receipt.joined > invite.notAfter && !isLetIn(invite, certificate.nodeKey, authority))
    return 'receipt-late';
  if (signedDate(receipt) > dateMs + clockSkewMs) return 'receipt-early';
  return claimsIn(receipt, certificate) ?? 'receipt-other';
}

/**
 * True when the key that signed this receipt is believed for members that came by this invite: a relay of the network, now
 * or once; its root key, of a former one only for whom it was let keep; of a renewal also who issued it.
 */
export function isWitnessOf(
  { witnessKey, nodeKey }: Receipt,
  invite: Invite,
  network: NetworkFacts,
  authority: Authority,
): boolean {
  if (isRelayOf(network, witnessKey) || authority.wasRelay(witnessKey)) return true;
  if (isRenewal(invite) && equalBytes(witnessKey, invite.issuer)) return true;
  return authority.isRoot(witnessKey) && authority.mayIssue(witnessKey, nodeIdText(nodeIdOf(nodeKey)));
}
