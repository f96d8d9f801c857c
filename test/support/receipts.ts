/** Receipts as witnesses give them, for tests that have no relay. */
import { parseCertificate, parseCredential, type Certificate } from '../../src/core/identity/certificate.js';
import { parseInvite, type Invite } from '../../src/core/identity/invite.js';
import type { Keys } from '../../src/core/identity/keys.js';
import { makeReceipt, nameDigest, signReceipt, type Receipt } from '../../src/core/identity/receipt.js';
import { seal } from '../../src/core/identity/signed.js';
import { ByteWriter, utf8 } from '../../src/core/lib/bytes.js';
import { withReceipt } from '../../src/core/membership/self.js';

function documentsOf(credential: Uint8Array): { certificate: Certificate; invite: Invite } {
  const parts = parseCredential(credential);
  const certificate = parts && parseCertificate(parts.certificate);
  const invite = parts && parseInvite(parts.invite);
  if (!certificate || !invite) throw new Error('no credential by an invite');
  return { certificate, invite };
}

/** The receipt that `witness` gives whoever comes with this credential at `dateMs`. */
export function receiptOf(credential: Uint8Array, witness: Keys, dateMs: number): Uint8Array {
  const { certificate, invite } = documentsOf(credential);
  return makeReceipt(certificate, invite.key, {}, dateMs, witness);
}

/** The credential with it. */
export function witnessed(credential: Uint8Array, witness: Keys, dateMs: number): Uint8Array {
  return withReceipt(credential, receiptOf(credential, witness, dateMs));
}

/** A receipt with any fields, genuinely signed. */
export function forgedReceipt(
  credential: Uint8Array,
  witness: Keys,
  dateMs: number,
  change: Partial<Receipt> & { readonly ip?: number; readonly ipSince?: number; readonly name?: string },
): Uint8Array {
  const { certificate, invite } = documentsOf(credential);
  const { ip, ipSince, name, ...rest } = change;
  return signReceipt(
    {
      witnessKey: witness.publicKey,
      inviteKey: invite.key,
      nodeKey: certificate.nodeKey,
      joined: dateMs,
      ...rest,
      held: {
        ip: ip ?? certificate.ip,
        ipSince: ipSince ?? dateMs,
        nameDigest: nameDigest(name ?? certificate.name),
        nameSince: dateMs,
      },
    },
    witness,
  );
}

/** A receipt of version 1, as relays of before gave it. */
export function firstReceiptOf(credential: Uint8Array, witness: Keys, dateMs: number): Uint8Array {
  const { certificate, invite } = documentsOf(credential);
  const body = new ByteWriter()
    .u8(1)
    .bytes(witness.publicKey)
    .bytes(invite.key)
    .bytes(certificate.nodeKey)
    .u64(dateMs)
    .finish();
  return seal(utf8('evio receipt 1'), body, witness);
}
