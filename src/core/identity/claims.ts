/**
 * Who came first: the order by which a MAC, an address or a name belongs to one of several members that claim it. Everybody
 * who knows the same members comes to the same winner, whomever it met first.
 *
 * The dates are those of a witness (receipt.ts), never the claimant's own. The first member, which the root signed, has no
 * witness but the root: its claims begin with its certificate.
 */
import { macText } from './node-id.js';

/** Since when a member has what it claims; ms since 1970. */
export interface Claims {
  /** The membership, and with it the MAC. */
  readonly joined: number;
  readonly ip: number;
  readonly name: number;
  /**
   * False when the witness vouched for the membership only (a receipt of version 1): then address and name are the
   * member's word, and yield to everybody who has them witnessed.
   */
  readonly witnessed: boolean;
}

/** Claims of whom nobody witnessed anything: they yield to all others. */
export const noClaims: Claims = { joined: Infinity, ip: Infinity, name: Infinity, witnessed: false };

/** A member as it claims something. `Member` (certificate.ts) is one. */
export interface Claimant {
  readonly idText: string;
  readonly mac: Uint8Array;
  readonly ip: number;
  readonly name: string;
  readonly claims: Claims;
  /** Of ourselves: node id of the key that was ours before. */
  readonly before?: string | undefined;
}

/** What two members cannot both have. */
export type Claimed = 'mac' | 'ip' | 'name';

/** Negative when `a` has it and `b` does not: the earlier claim, and of claims of one moment the lower node id. */
export function compareClaims(
  what: Claimed,
  a: Pick<Claimant, 'idText' | 'claims'>,
  b: Pick<Claimant, 'idText' | 'claims'>,
): number {
  if (what !== 'mac' && a.claims.witnessed !== b.claims.witnessed) return a.claims.witnessed ? -1 : 1;
  const field = what === 'mac' ? 'joined' : what;
  const difference = a.claims[field] - b.claims[field];
  // Infinity less Infinity is no number.
  if (difference < 0 || difference > 0) return difference;
  return a.idText < b.idText ? -1 : a.idText > b.idText ? 1 : 0;
}

/** What is claimed, as the key of a map. */
export function claimKey(what: Claimed, claimant: Claimant): string | number {
  if (what === 'ip') return claimant.ip;
  return what === 'mac' ? macText(claimant.mac) : claimant.name;
}

/** Of each thing that is claimed, who has it. */
export function winnersOf<T extends Claimant>(what: Claimed, members: Iterable<T>): Map<string | number, T> {
  const winners = new Map<string | number, T>();
  for (const member of members) {
    const key = claimKey(what, member);
    const holder = winners.get(key);
    if (!holder || compareClaims(what, member, holder) < 0) winners.set(key, member);
  }
  return winners;
}
