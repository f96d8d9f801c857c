/**
 * What a witness says of a membership: that the use of the invite was counted, and since when the member has its address
 * and its name. Witnesses are the relays that the network's facts name, and its root key.
 *
 *   receipt 2   version 2 | witness key 32 | invite key 32 | node key 32 | joined 8 | ip 4 | since 8 | name digest 8 | since 8
 *               | signature 64 by the witness
 *   receipt 1   version 1 | witness key 32 | invite key 32 | node key 32 | joined 8 | signature 64 by the witness
 *
 * Times are milliseconds since 1970, by the clock of the witness. The name digest is the first 8 bytes of BLAKE2s-256
 * over "evio name" ‖ name. Receipts of version 1 are read, and not made any more: any address and name goes with them.
 */
import { blake2s } from '@noble/hashes/blake2.js';
import { ByteReader, ByteWriter, concatBytes, equalBytes, utf8 } from '../lib/bytes.js';
import type { Claims } from './claims.js';
import { signatureLength, type Keys } from './keys.js';
import type { NetworkFacts } from './network.js';
import { genuine, seal } from './signed.js';

/** Bytes of a receipt as they are made now. */
export const receiptLength = 197;

export interface Receipt {
  readonly witnessKey: Uint8Array;
  readonly inviteKey: Uint8Array;
  readonly nodeKey: Uint8Array;
  /** When the use of the invite was counted. */
  readonly joined: number;
  /** Absent in version 1. */
  readonly held?: HeldClaims | undefined;
}

/** An address and a name, and since when they are the member's. */
export interface HeldClaims {
  readonly ip: number;
  readonly ipSince: number;
  readonly nameDigest: Uint8Array;
  readonly nameSince: number;
}

/** What a receipt must agree with: a certificate has it. */
export interface Witnessed {
  readonly nodeKey: Uint8Array;
  readonly ip: number;
  readonly name: string;
}

const labels = { 1: utf8('evio receipt 1'), 2: utf8('evio receipt 2') } as const;
const digestLength = 8;

export function nameDigest(name: string): Uint8Array {
  return blake2s(concatBytes(utf8('evio name'), utf8(name)), { dkLen: 32 }).slice(0, digestLength);
}

export function signReceipt(receipt: Receipt & { readonly held: HeldClaims }, witness: Keys): Uint8Array {
  const { held } = receipt;
  const body = new ByteWriter()
    .u8(2)
    .bytes(receipt.witnessKey)
    .bytes(receipt.inviteKey)
    .bytes(receipt.nodeKey)
    .u64(receipt.joined)
    .u32(held.ip)
    .u64(held.ipSince)
    .bytes(held.nameDigest)
    .u64(held.nameSince)
    .finish();
  return seal(labels[2], body, witness);
}

/** Reads a receipt without verifying it. */
export function parseReceipt(signed: Uint8Array): Receipt | undefined {
  if (signed.length <= signatureLength) return undefined;
  const reader = new ByteReader(signed.subarray(0, signed.length - signatureLength));
  const version = reader.u8();
  if (version !== 1 && version !== 2) return undefined;
  const membership = {
    witnessKey: reader.bytes(32),
    inviteKey: reader.bytes(32),
    nodeKey: reader.bytes(32),
    joined: reader.u64(),
  };
  if (version === 1) return reader.done ? membership : undefined;
  const held = {
    ip: reader.u32(),
    ipSince: reader.u64(),
    nameDigest: reader.bytes(digestLength),
    nameSince: reader.u64(),
  };
  // Nobody holds anything before it is a member.
  if (!reader.done || held.ipSince < membership.joined || held.nameSince < membership.joined)
    return undefined;
  return { ...membership, held };
}

/** A receipt with a genuine signature of the key it names; whether that is a witness is the caller's question. */
export function verifyReceipt(signed: Uint8Array): Receipt | undefined {
  const receipt = parseReceipt(signed);
  if (!receipt) return undefined;
  return genuine(labels[receipt.held ? 2 : 1], signed, receipt.witnessKey) ? receipt : undefined;
}

/** True for the key of a relay that the network names now. */
export function isRelayOf(network: NetworkFacts, key: Uint8Array): boolean {
  return network.relays.some((relay) => equalBytes(key, relay.key));
}

/** When the witness signed, as far as it says: the latest of its dates. */
export function signedDate({ joined, held }: Receipt): number {
  return held ? Math.max(joined, held.ipSince, held.nameSince) : joined;
}

/** What the receipt says of a member with this address and name; undefined when it names others. */
export function claimsIn(receipt: Receipt, { ip, name }: Witnessed): Claims | undefined {
  const { joined, held } = receipt;
  if (!held) return { joined, ip: joined, name: joined, witnessed: false };
  if (held.ip !== ip || !equalBytes(held.nameDigest, nameDigest(name))) return undefined;
  return { joined, ip: held.ipSince, name: held.nameSince, witnessed: true };
}

/** What a witness knows of a member from before. */
export interface Known {
  /** A receipt of any witness of the network, of this node and invite, as it came with the credential. */
  readonly receipt?: Receipt | undefined;
  /** When this witness counted the use. */
  readonly joined?: number | undefined;
  /** Address and name as this witness knows them. */
  readonly member?: { readonly ip: number; readonly name: string; readonly claims: Claims } | undefined;
}

/**
 * Signs what `witness` is to say of a member: what it had before it keeps since then, what is new is its own since `dateMs`.
 */
export function makeReceipt(
  member: Witnessed,
  inviteKey: Uint8Array,
  known: Known,
  dateMs: number,
  witness: Keys,
): Uint8Array {
  const { receipt, member: before } = known;
  const held = receipt?.held;
  const digest = nameDigest(member.name);
  // Of a witness whose clock was ahead: nobody would believe a date that is still to come.
  const past = (date: number | undefined): number => Math.min(date ?? dateMs, dateMs);
  const joined = past(receipt?.joined ?? known.joined);
  const since = (told: number | undefined, remembered: number | undefined): number =>
    Math.max(joined, past(told ?? remembered));
  return signReceipt(
    {
      witnessKey: witness.publicKey,
      inviteKey,
      nodeKey: member.nodeKey,
      joined,
      held: {
        ip: member.ip,
        ipSince: since(
          held?.ip === member.ip ? held.ipSince : undefined,
          before?.claims.witnessed && before.ip === member.ip ? before.claims.ip : undefined,
        ),
        nameDigest: digest,
        nameSince: since(
          held && equalBytes(held.nameDigest, digest) ? held.nameSince : undefined,
          before?.claims.witnessed && before.name === member.name ? before.claims.name : undefined,
        ),
      },
    },
    witness,
  );
}
