/** What a witness does: judges a credential, counts the use of its invite, and signs the receipt. No I/O. */
import { equalBytes, toHex } from '../lib/bytes.js';
import { foundingAuthority, type Authority } from './authority.js';
import {
  encodeCredential,
  isLetIn,
  isWitnessOf,
  maxCredentialLength,
  parseCertificate,
  parseCredential,
  verifyCredential,
  type CredentialFault,
  type Member,
} from './certificate.js';
import { isRenewal, parseInvite, type Invite } from './invite.js';
import type { Keys } from './keys.js';
import type { NetworkFacts } from './network.js';
import { makeReceipt, verifyReceipt, type Known, type Receipt } from './receipt.js';

/** Uses of invites, as the witness counted them. Keys are hexadecimal. */
export interface CountedUses {
  /** When this node's use was counted. */
  dateOf(inviteKey: string, nodeKey: string): number | undefined;
  /** How many were. */
  count(inviteKey: string): number;
}

/** A use that was counted now. */
export interface CountedUse {
  /** Keys, hexadecimal. */
  readonly invite: string;
  readonly node: string;
  /** When the invite expires. */
  readonly notAfter: number;
  readonly time: number;
}

export type WitnessFault = CredentialFault | 'token-expired' | 'token-used-up' | 'too-long';

export type Testimony =
  | {
      readonly ok: true;
      /** With the receipt in its credential. */
      readonly member: Member;
      /** Null when the credential needs none. */
      readonly receipt: Uint8Array | null;
      /** To be remembered before the receipt leaves; absent when the use was counted before, or is not limited. */
      readonly counted?: CountedUse;
    }
  | { readonly ok: false; readonly fault: WitnessFault };

/**
 * The receipt that a credential needs, if any, and whether its invite still has a use left for it.
 *
 * @param before the member as the witness knows it
 * @param authority who may sign beside the root key, and who is barred. Default: the root key, and nobody
 */
export function testify(
  bytes: Uint8Array,
  facts: NetworkFacts,
  uses: CountedUses,
  before: Known['member'],
  dateMs: number,
  witness: Keys,
  authority: Authority = foundingAuthority(facts.rootKey),
): Testimony {
  const fail = (fault: WitnessFault): Testimony => ({ ok: false, fault });
  const held = verifyCredential(bytes, facts, dateMs, true, authority);
  if (held.ok && held.member.claims.witnessed) return { ok: true, member: held.member, receipt: null };
  const bare = verifyCredential(bytes, facts, dateMs, false, authority);
  if (!bare.ok) return fail(bare.fault);
  const parts = parseCredential(bytes);
  const certificate = parts && parseCertificate(parts.certificate);
  const invite = parts && parseInvite(parts.invite);
  if (!parts || !certificate || !invite) return fail('malformed');
  const node = toHex(certificate.nodeKey);
  const key = toHex(invite.key);
  // A node that was counted but lost its receipt gets another of the same date, also after the invite expired.
  // Whom a renewal names was counted when it joined.
  const joined = uses.dateOf(key, node) ?? invite.joined;
  const receipt = receiptFor(parts.receipt, invite, certificate.nodeKey, facts, authority);
  const isCounted = joined !== undefined || receipt !== undefined;
  if (!isCounted && dateMs > invite.notAfter && !isLetIn(invite, certificate.nodeKey, authority))
    return fail('token-expired');
  if (!isCounted && invite.uses > 0 && uses.count(key) >= invite.uses) return fail('token-used-up');
  const made = makeReceipt(certificate, invite.key, { receipt, joined, member: before }, dateMs, witness);
  const credential = encodeCredential({ ...parts, receipt: made });
  if (credential.length > maxCredentialLength) return fail('too-long');
  const given = verifyCredential(credential, facts, dateMs, true, authority);
  if (!given.ok) return fail(given.fault);
  // Without a limit there is nothing to count, and nothing that could grow without bound.
  const counts = !isCounted && invite.uses > 0;
  const counted = { invite: key, node, notAfter: invite.notAfter, time: dateMs };
  return { ok: true, member: given.member, receipt: made, ...(counts && { counted }) };
}

/**
 * The receipt that came with a credential, when a witness of the network gave it to this node and invite in time. With a
 * renewal that of the invite before counts, too.
 */
function receiptFor(
  signed: Uint8Array,
  invite: Invite,
  nodeKey: Uint8Array,
  facts: NetworkFacts,
  authority: Authority,
): Receipt | undefined {
  const receipt = verifyReceipt(signed);
  const genuine =
    receipt &&
    (isRenewal(invite) || equalBytes(receipt.inviteKey, invite.key)) &&
    equalBytes(receipt.nodeKey, nodeKey) &&
    isWitnessOf(receipt, invite, facts, authority) &&
    (receipt.joined <= invite.notAfter || isLetIn(invite, nodeKey, authority));
  return genuine ? receipt : undefined;
}
