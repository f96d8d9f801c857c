/** Why something that a member sent is refused, and which of the reasons tell that it lies (refusals.ts counts them). */
import type { Suspicion } from '../dataplane/plane/plane.js';
import type { CredentialFault } from '../identity/certificate.js';

/** What no honest member does. */
export const lies = ['bad-certificate', 'bad-statement', 'bad-farewell', 'foreign-handshake'] as const;
export type Lie = (typeof lies)[number];
export type RefusalReason =
  | Lie
  | Suspicion
  /** A certificate older than the one that is known here. */
  | 'stale-certificate'
  /** A genuine one that does not count: revoked, ended, without a receipt that counts here. */
  | 'refused-certificate'
  /** A handshake of another member from before. */
  | 'replayed-handshake'
  /** An answer to what nobody asked. */
  | 'unasked'
  /** More than one member may cause. */
  | 'over-limit'
  /** A message that nobody here understands. */
  | 'unreadable';

/** Faults that whoever verifies finds, whatever he knows beside. */
const forged: ReadonlySet<string> = new Set<CredentialFault>([
  'malformed',
  'bad-invite',
  'bad-signature',
  'outside-invite',
]);
/** Of a credential that is as good as any, and of no use here. */
const blameless: ReadonlySet<string> = new Set(['self', 'left', 'full', 'mac-taken', 'waiting']);

/** What it says of whoever passes on a credential that is refused for this; undefined: nothing. */
export function reasonOf(fault: string): RefusalReason | undefined {
  if (forged.has(fault)) return 'bad-certificate';
  return blameless.has(fault) ? undefined : 'refused-certificate';
}

export function isLie(reason: RefusalReason): reason is Lie {
  return lies.some((lie) => lie === reason);
}
