/**
 * What lets machines join: signed by the root or an admin, it says as what, and until when. Times are ms since 1970.
 *
 *   invite       version 1 | invite key 32 | not after 8 | uses 4 | roles 1 (bit 7: ephemeral) | rights 1 | range base 4, prefix 1
 *                | tags 1 ( 1+n )* | signature 64 by the root key
 *                version 2: issuer key 32 after the version, and that key's signature; who may issue: authority.ts
 *                version 4: issuer key 32 | approvals 1 after the version: whoever joins by it waits for so many admins
 *   renewal      version 3 | issuer key 32 | node key 32 | not after 8 | joined 8 | roles 1 | rights 1 | range base 4, prefix 1
 *                | tags 1 ( 1+n )* | signature 64 by the issuer
 *                an invite whose key is one member's own: it prolongs that membership and admits nobody else
 *                version 5: succession 96 (succession.ts) after the issuer: the node key takes the place of another, which
 *                counts once the ledger says so
 *
 * Who may issue is authority.ts' question. The signature covers a label and everything before it.
 */
import { ByteReader, ByteWriter, utf8 } from '../lib/bytes.js';
import type { Cidr } from '../lib/ipv4.js';
import { signatureLength, type Keys } from './keys.js';
import { genuine, seal } from './signed.js';
import { readSuccession, writeSuccession, type Succession } from './succession.js';

export const Role = { switch: 1, leaf: 2 } as const;
/** What a member does: a switch forwards for others, a leaf for nobody. */
export type MemberRole = keyof typeof Role;
export const memberRoles = ['switch', 'leaf'] as const satisfies readonly MemberRole[];

/** Bits of what an invite may give and a certificate claims. */
export const Right = { bridge: 1, admin: 2, route: 4 } as const;
/** In the byte of an invite's roles: whoever joins by it is forgotten soon after it went. */
const ephemeralBit = 0x80;

export interface Invite {
  readonly key: Uint8Array;
  /** Who signed it: an admin's node key, or a root key that replaced the first. Left out: the network's first root key. */
  readonly issuer?: Uint8Array | undefined;
  readonly notAfter: number;
  /** How many machines may join by it; 0 is no limit. */
  readonly uses: number;
  /** Bit set of `Role`. */
  readonly roles: number;
  /** Bit set of `Right`. */
  readonly rights: number;
  /** Who joins by it is forgotten minutes after it went: address and name are free then. */
  readonly ephemeral: boolean;
  /** How many admins must let in who joins by it; left out: none. Then `issuer` is given, the root's key too. */
  readonly approvals?: number | undefined;
  /** Addresses that joiners may take. */
  readonly range: Cidr;
  readonly tags: readonly string[];
  /** Of a renewal only, whose `key` is the member's node key and whose `uses` are 0: when the membership began. */
  readonly joined?: number | undefined;
  /** Of a renewal only: the key that the member had before. The one that it has now counts once the ledger says so. */
  readonly follows?: Succession | undefined;
}

/** An invite that prolongs the membership of the one member whose key it names. */
export interface Renewal extends Invite {
  readonly issuer: Uint8Array;
  readonly joined: number;
}

const version = 1;
/** Of an invite that names its issuer. */
const issuedVersion = 2;
/** Of an invite that renews. */
const renewalVersion = 3;
/** Bytes by which a renewal is longer than an invite that names its issuer. */
export const renewalOverhead = 4;
/** Of an invite whose joiners wait. One of its own, so that no program that lets them in at once can read it. */
const waitingVersion = 4;
/** Of an invite that renews a membership for another key. One of its own, for the same reason. */
const followingVersion = 5;
const label = utf8('evio invite 1');
const maxTags = 16;

/** Throws RangeError for too many. */
export function writeTags(writer: ByteWriter, tags: readonly string[]): ByteWriter {
  if (tags.length > maxTags) throw new RangeError(`more than ${maxTags} tags`);
  writer.u8(tags.length);
  for (const tag of tags) writer.text(tag);
  return writer;
}

export function readTags(reader: ByteReader): string[] {
  const count = reader.u8();
  const tags: string[] = [];
  for (let i = 0; i < Math.min(count, maxTags + 1) && !reader.failed; i++) tags.push(reader.text());
  return tags;
}

/** True for an invite that prolongs a membership. */
export function isRenewal(invite: Invite): invite is Renewal {
  return invite.joined !== undefined && invite.issuer !== undefined;
}

function versionOf(invite: Invite): number {
  if (isRenewal(invite)) return invite.follows ? followingVersion : renewalVersion;
  if (invite.approvals !== undefined) return waitingVersion;
  return invite.issuer ? issuedVersion : version;
}

/**
 * @param issuer the keys that `invite.issuer` names, or the network's first root keys
 * @throws RangeError when it has `approvals` and no `issuer`
 */
export function signInvite(invite: Invite, issuer: Keys): Uint8Array {
  const found = versionOf(invite);
  if (found === waitingVersion && !invite.issuer) throw new RangeError('approvals need an issuer');
  const writer = new ByteWriter().u8(found);
  if (invite.issuer) writer.bytes(invite.issuer);
  if (found === waitingVersion) writer.u8(invite.approvals ?? 0);
  if (invite.follows && found === followingVersion) writeSuccession(writer, invite.follows);
  writer.bytes(invite.key).u64(invite.notAfter);
  if (isRenewal(invite)) writer.u64(invite.joined);
  else writer.u32(invite.uses);
  writer
    .u8(invite.roles | (invite.ephemeral ? ephemeralBit : 0))
    .u8(invite.rights)
    .u32(invite.range.base)
    .u8(invite.range.prefix);
  return seal(label, writeTags(writer, invite.tags).finish(), issuer);
}

/** Reads an invite or a renewal without verifying who signed it. */
export function parseInvite(signed: Uint8Array): Invite | undefined {
  const end = signed.length - signatureLength;
  if (end <= 0) return undefined;
  const reader = new ByteReader(signed.subarray(0, end));
  const found = reader.u8();
  if (found < version || found > followingVersion) return undefined;
  const issuer = found === version ? undefined : reader.bytes(32);
  const approvals = found === waitingVersion ? reader.u8() : undefined;
  if (approvals === 0) return undefined;
  const follows = found === followingVersion ? readSuccession(reader) : undefined;
  const renews = found === renewalVersion || found === followingVersion;
  const begin = { key: reader.bytes(32), notAfter: reader.u64() };
  const counted = renews ? { uses: 0, joined: reader.u64() } : { uses: reader.u32() };
  const roles = reader.u8();
  const invite: Invite = {
    ...(issuer && { issuer }),
    ...(approvals !== undefined && { approvals }),
    ...(follows && { follows }),
    ...begin,
    ...counted,
    roles: roles & ~ephemeralBit,
    ephemeral: (roles & ephemeralBit) !== 0,
    rights: reader.u8(),
    range: { base: reader.u32(), prefix: reader.u8() },
    tags: readTags(reader),
  };
  return reader.done && invite.range.prefix <= 32 ? invite : undefined;
}

/** An invite that its issuer signed; whether that one may issue any is the authority's question. */
export function verifyInvite(signed: Uint8Array, rootKey: Uint8Array): Invite | undefined {
  const invite = parseInvite(signed);
  return invite && genuine(label, signed, invite.issuer ?? rootKey) ? invite : undefined;
}
