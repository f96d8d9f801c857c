/** Who has an address or a MAC that several members claim: at this relay as everywhere, the earlier claim (identity/claims.ts). */
import type { Member } from '../core/identity/certificate.js';
import { compareClaims } from '../core/identity/claims.js';
import { toHex } from '../core/lib/bytes.js';
import type { KnownMember, NetworkRecord } from './network-record.js';

export type Contest =
  /** Members that lose what the newcomer has claimed before them. */
  | { readonly won: true; readonly losers: readonly KnownMember[] }
  | { readonly won: false; readonly what: 'mac' | 'ip'; readonly holder: KnownMember };

/**
 * The newcomer against those that are known.
 *
 * @param fresh what it claims is witnessed only now, by this relay: whoever is known was there before, whatever the clock says
 */
export function contest(record: NetworkRecord, newcomer: Member, fresh: boolean): Contest {
  const losers: KnownMember[] = [];
  const rivals = [
    { what: 'ip', holder: record.holder(newcomer.ip) },
    ...record
      .findMac(toHex(newcomer.mac), 4)
      .map((id) => ({ what: 'mac' as const, holder: record.member(id) })),
  ] as const;
  for (const { what, holder } of rivals) {
    if (!holder || holder.id === newcomer.idText) continue;
    if (fresh || compareClaims(what, newcomer, { idText: holder.id, claims: holder.claims }) > 0)
      return { won: false, what, holder };
    losers.push(holder);
  }
  return { won: true, losers };
}
