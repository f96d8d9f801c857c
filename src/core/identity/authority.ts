/**
 * Who may sign for a network, and who is barred from it: what a credential is judged by beside its signatures. The
 * founding authority is the root key alone; with a ledger (ledger/standing.ts) admins come to it, and bars.
 */
import { equalBytes } from '../lib/bytes.js';

export interface Authority {
  /**
   * True when this key may have signed the invite (or, for a root key, the certificate) by which the member came. Of one
   * that lost the right: only for those whom it had admitted by then.
   *
   * @param issuer Ed25519 public key
   * @param idText node id of the member
   */
  mayIssue(issuer: Uint8Array, idText: string): boolean;
  /** True when this key is or was the network's root. */
  isRoot(key: Uint8Array): boolean;
  /** True when the member is barred for good. */
  isBarred(idText: string): boolean;
  /** True when this invite admits the member no more. */
  isInviteBarred(inviteKey: Uint8Array, idText: string): boolean;
  /** True when an admin let this member in: asked for those whose invite has them wait. */
  isApproved(idText: string): boolean;
  /** True when a relay of this key was the network's once: its receipts go on counting. */
  wasRelay(relayKey: Uint8Array): boolean;
}

/** Takes every issuer, and bars nobody: for a document of our own, of which something else is in question. */
export const anyAuthority: Authority = {
  mayIssue: () => true,
  isRoot: () => true,
  isBarred: () => false,
  isInviteBarred: () => false,
  isApproved: () => true,
  wasRelay: () => false,
};

/** The authority of a network without a ledger: its root key signs, and nobody is barred. */
export function foundingAuthority(rootKey: Uint8Array): Authority {
  const isRoot = (key: Uint8Array): boolean => equalBytes(key, rootKey);
  return {
    mayIssue: isRoot,
    isRoot,
    isBarred: () => false,
    isInviteBarred: () => false,
    isApproved: () => false,
    wasRelay: () => false,
  };
}
