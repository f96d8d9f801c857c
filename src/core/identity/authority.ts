/**
 * Who may sign for a network, and who is barred from it: what a credential is judged by beside its signatures. The
 * founding authority is the root key alone; with a ledger (ledger/standing.ts) admins come to it, and bars.
 */
import { equalBytes } from '../lib/bytes.js';

/** Of a key that takes the place of another. */
export type SuccessionState = 'stated' | 'open' | 'refused';

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
  /** How many admins let this member in, those that one of them named counted as it. */
  approvals(idText: string): number;
  /** How many must, by the rule of the network, whatever its invite says; 0 for who was a member before the rule. */
  admission(idText: string): number;
  /**
   * How it stands with a key that takes the place of another: the ledger says so, nobody said anything, or it must not,
   * since another followed before, or the member was barred.
   *
   * @param followed node id of the key that was before. `idText`: that of the one that follows
   */
  succession(followed: string, idText: string): SuccessionState;
  /** True when a relay of this key was the network's once: its receipts go on counting. */
  wasRelay(relayKey: Uint8Array): boolean;
}

/**
 * How it stands with a member that came by an invite: nobody has to let it in, it waits for that, or it was let in.
 *
 * @param asked how many admins must let in who joins by its invite
 */
export function admissionOf(authority: Authority, idText: string, asked = 0): 'open' | 'waits' | 'let in' {
  const needed = Math.max(asked, authority.admission(idText));
  if (needed === 0) return 'open';
  return authority.approvals(idText) < needed ? 'waits' : 'let in';
}

/** Takes every issuer, and bars nobody: for a document of our own, of which something else is in question. */
export const anyAuthority: Authority = {
  mayIssue: () => true,
  isRoot: () => true,
  isBarred: () => false,
  isInviteBarred: () => false,
  approvals: () => Infinity,
  admission: () => 0,
  succession: () => 'stated',
  wasRelay: () => false,
};

/** An authority that says already what one follows another: for a credential that is judged before the ledger does. */
export function withSuccession(authority: Authority, followed: string, idText: string): Authority {
  return {
    mayIssue: (issuer, id) => authority.mayIssue(issuer, id),
    isRoot: (key) => authority.isRoot(key),
    isBarred: (id) => authority.isBarred(id),
    isInviteBarred: (key, id) => authority.isInviteBarred(key, id),
    // Whom it follows was let in.
    approvals: (id) => authority.approvals(id === idText ? followed : id),
    admission: (id) => authority.admission(id === idText ? followed : id),
    succession: (old, id) =>
      old === followed && id === idText && authority.succession(old, id) !== 'refused'
        ? 'stated'
        : authority.succession(old, id),
    wasRelay: (key) => authority.wasRelay(key),
  };
}

/** The authority of a network without a ledger: its root key signs, and nobody is barred. */
export function foundingAuthority(rootKey: Uint8Array): Authority {
  const isRoot = (key: Uint8Array): boolean => equalBytes(key, rootKey);
  return {
    mayIssue: isRoot,
    isRoot,
    isBarred: () => false,
    isInviteBarred: () => false,
    approvals: () => 0,
    admission: () => 0,
    succession: () => 'open',
    wasRelay: () => false,
  };
}
