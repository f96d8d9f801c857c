/**
 * The chain root → invite → node, and the relay's receipt: verified offline by everyone.
 *
 *   invite       version 1 | invite key 32 | not after 8 | uses 4 | roles 1 | rights 1 | range base 4, prefix 1
 *                | tags 1 ( 1+n )* | signature 64 by the root key
 *   certificate  version 1 | node key 32 | name (1+n) | ip 4 | role 1 | rights 1 | tags 1 ( 1+n )* | not before 8 | not after 8
 *                | signature 64 by the invite key, or by the root key when there is no invite
 *                | signature 64 by the node key over label ‖ all before: whoever joined by the same invite holds its key,
 *                  and must not be able to sign for others
 *   receipt      version 1 | relay key 32 | invite key 32 | node key 32 | time 8 | signature 64 by the relay key
 *   credential   certificate (2+n) | invite (2+n, empty when the root signed) | receipt (2+n, empty when there is none)
 *
 * Times are milliseconds since 1970. Signatures cover a label and everything before them.
 */
import { ByteReader, ByteWriter, concatBytes, equalBytes, utf8 } from '../lib/bytes.js';
import { containsCidr, isHostAddress, type Cidr } from '../lib/ipv4.js';
import { sign, signatureLength, verify, type Keys } from './keys.js';
import type { NetworkFacts } from './network.js';
import { inviteIdOf, macOf, nodeIdOf, nodeIdText } from './node-id.js';

export const Role = { switch: 1, leaf: 2 } as const;
/** What a member does: a switch forwards for others, a leaf for nobody. */
export type MemberRole = keyof typeof Role;
export const memberRoles = ['switch', 'leaf'] as const satisfies readonly MemberRole[];

/** Bits of what an invite may give and a certificate claims. */
export const Right = { bridge: 1, admin: 2, route: 4 } as const;

export interface Invite {
  readonly key: Uint8Array;
  readonly notAfter: number;
  /** How many machines may join by it; 0 is no limit. */
  readonly uses: number;
  /** Bit set of `Role`. */
  readonly roles: number;
  /** Bit set of `Right`. */
  readonly rights: number;
  /** Addresses that joiners may take. */
  readonly range: Cidr;
  readonly tags: readonly string[];
}

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

export interface Receipt {
  readonly relayKey: Uint8Array;
  readonly inviteKey: Uint8Array;
  readonly nodeKey: Uint8Array;
  readonly time: number;
}

/** The three documents as they travel; `invite` and `receipt` may be empty. */
export interface CredentialParts {
  readonly certificate: Uint8Array;
  readonly invite: Uint8Array;
  readonly receipt: Uint8Array;
}

const version = 1;
const labels = {
  invite: utf8('evio invite 1'),
  certificate: utf8('evio certificate 1'),
  owner: utf8('evio certificate owner 1'),
  receipt: utf8('evio receipt 1'),
};
const maxTags = 16;
/** How far ahead of ours a member's clock may be. */
export const clockSkewMs = 10 * 60_000;
/** Life of a certificate: long enough that no field device falls off the network unseen. */
export const certificateLifeMs = 5 * 365 * 86_400_000;
/** A certificate chain must leave room in a handshake datagram. */
export const maxCredentialLength = 900;

function seal(label: Uint8Array, body: Uint8Array, keys: Keys): Uint8Array {
  return concatBytes(body, sign(keys, concatBytes(label, body)));
}

function genuine(label: Uint8Array, signed: Uint8Array, key: Uint8Array): boolean {
  const end = signed.length - signatureLength;
  return end > 0 && verify(key, concatBytes(label, signed.subarray(0, end)), signed.subarray(end));
}

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

function writeTags(writer: ByteWriter, tags: readonly string[]): ByteWriter {
  if (tags.length > maxTags) throw new RangeError(`more than ${maxTags} tags`);
  writer.u8(tags.length);
  for (const tag of tags) writer.text(tag);
  return writer;
}

function readTags(reader: ByteReader): string[] {
  const count = reader.u8();
  const tags: string[] = [];
  for (let i = 0; i < Math.min(count, maxTags + 1) && !reader.failed; i++) tags.push(reader.text());
  return tags;
}

export function signInvite(invite: Invite, root: Keys): Uint8Array {
  const writer = new ByteWriter()
    .u8(version)
    .bytes(invite.key)
    .u64(invite.notAfter)
    .u32(invite.uses)
    .u8(invite.roles)
    .u8(invite.rights)
    .u32(invite.range.base)
    .u8(invite.range.prefix);
  return seal(labels.invite, writeTags(writer, invite.tags).finish(), root);
}

/** Reads an invite without verifying who signed it. */
export function parseInvite(signed: Uint8Array): Invite | undefined {
  const reader = bodyReader(signed);
  if (!reader) return undefined;
  const invite: Invite = {
    key: reader.bytes(32),
    notAfter: reader.u64(),
    uses: reader.u32(),
    roles: reader.u8(),
    rights: reader.u8(),
    range: { base: reader.u32(), prefix: reader.u8() },
    tags: readTags(reader),
  };
  return reader.done && invite.range.prefix <= 32 ? invite : undefined;
}

export function verifyInvite(signed: Uint8Array, rootKey: Uint8Array): Invite | undefined {
  const invite = parseInvite(signed);
  return invite && genuine(labels.invite, signed, rootKey) ? invite : undefined;
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

export function signReceipt(receipt: Receipt, relay: Keys): Uint8Array {
  const body = new ByteWriter()
    .u8(version)
    .bytes(receipt.relayKey)
    .bytes(receipt.inviteKey)
    .bytes(receipt.nodeKey)
    .u64(receipt.time)
    .finish();
  return seal(labels.receipt, body, relay);
}

/** A receipt with a genuine signature of the relay key it names; whether that relay counts is the caller's question. */
export function verifyReceipt(signed: Uint8Array): Receipt | undefined {
  const reader = bodyReader(signed);
  if (!reader) return undefined;
  const receipt: Receipt = {
    relayKey: reader.bytes(32),
    inviteKey: reader.bytes(32),
    nodeKey: reader.bytes(32),
    time: reader.u64(),
  };
  return reader.done && genuine(labels.receipt, signed, receipt.relayKey) ? receipt : undefined;
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
  /** When its certificate was signed: of two claims to an address the earlier stays. */
  readonly signedAt: number;
  readonly notAfter: number;
  /** Empty when the root signed. */
  readonly inviteId: string;
  /** The bytes that were verified. */
  readonly credential: Uint8Array;
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
  | 'receipt-late';

export type CredentialVerdict =
  { readonly ok: true; readonly member: Member } | { readonly ok: false; readonly fault: CredentialFault };

/**
 * Verifies a whole chain against the facts of a network.
 *
 * @param needReceipt false only at the relay that is about to give the receipt.
 */
export function verifyCredential(
  bytes: Uint8Array,
  network: NetworkFacts,
  dateMs: number,
  needReceipt: boolean = network.receipts,
): CredentialVerdict {
  const fail = (fault: CredentialFault): CredentialVerdict => ({ ok: false, fault });
  const parts = parseCredential(bytes);
  const certificate = parts && parseCertificate(parts.certificate);
  if (!parts || !certificate || certificate.name === '') return fail('malformed');
  let inviteId = '';
  if (parts.invite.length === 0) {
    if (!ownedAndIssued(parts.certificate, certificate.nodeKey, network.rootKey))
      return fail('bad-signature');
  } else {
    const invite = verifyInvite(parts.invite, network.rootKey);
    if (!invite) return fail('bad-invite');
    if (!ownedAndIssued(parts.certificate, certificate.nodeKey, invite.key)) return fail('bad-signature');
    const within =
      (invite.roles & certificate.role) === certificate.role &&
      (invite.rights & certificate.rights) === certificate.rights &&
      certificate.tags.every((tag) => invite.tags.includes(tag)) &&
      containsCidr(network.cidr, invite.range) &&
      isHostAddress(invite.range, certificate.ip);
    if (!within) return fail('outside-invite');
    inviteId = inviteIdOf(invite.key);
    if (needReceipt) {
      if (parts.receipt.length === 0) return fail('receipt-missing');
      const receipt = verifyReceipt(parts.receipt);
      const ours =
        receipt &&
        equalBytes(receipt.inviteKey, invite.key) &&
        equalBytes(receipt.nodeKey, certificate.nodeKey) &&
        network.relays.some((relay) => equalBytes(relay.key, receipt.relayKey));
      if (!ours) return fail('receipt-bad');
      if (receipt.time > invite.notAfter) return fail('receipt-late');
    } else if (!network.receipts && certificate.notBefore > invite.notAfter) {
      return fail('expired');
    }
  }
  if (certificate.role !== Role.switch && certificate.role !== Role.leaf) return fail('malformed');
  if (!isHostAddress(network.cidr, certificate.ip)) return fail('outside-invite');
  if (certificate.notAfter <= dateMs) return fail('expired');
  if (certificate.notBefore > dateMs + clockSkewMs) return fail('not-yet-valid');
  const id = nodeIdOf(certificate.nodeKey);
  return {
    ok: true,
    member: {
      id,
      idText: nodeIdText(id),
      key: certificate.nodeKey,
      mac: macOf(id),
      name: certificate.name,
      ip: certificate.ip,
      role: certificate.role,
      rights: certificate.rights,
      tags: certificate.tags,
      signedAt: certificate.notBefore,
      notAfter: certificate.notAfter,
      inviteId,
      credential: bytes,
    },
  };
}
