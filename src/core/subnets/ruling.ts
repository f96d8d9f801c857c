/**
 * Whose a subnet is, of all that members claim. The earlier claim wins: what overlaps it is another's to claim no more,
 * but the very same when both say that they share it. No I/O.
 *
 *   claims, earliest first ──▶ nothing of it is held ──▶ held
 *                          └─▶ held by the same member, or shared with its holder ──▶ held, too
 *                          └─▶ held by another, all of it or a part ──▶ refused, and the holder is named
 */
import {
  comparePrefixes,
  containsPrefix,
  equalPrefixes,
  prefixesOverlap,
  type Prefix,
} from '../lib/prefix.js';
import { isPodRange } from './pods.js';

/** What one member says of one prefix. */
export interface Claim {
  /** Node id of who claims it, as text. */
  readonly id: string;
  readonly prefix: Prefix;
  readonly shared: boolean;
  /** Which claim is the earlier: ms since 1970, as this node judges it (book.ts). */
  readonly rank: number;
}

/** Why a claim does not hold. */
export type ClaimFault =
  /** It overlaps the range of the network itself, and is not small enough to be of pods there (pods.ts). */
  | 'network'
  /** Another member holds it, or a part of it. */
  | 'taken';

export interface Ruling<C extends Claim> {
  readonly claim: C;
  readonly fault: ClaimFault | null;
  /** Who holds it instead: of `taken`. */
  readonly holder: string | null;
}

/** A prefix that somebody claims, among those that hold it or lie in it. */
interface Place<C extends Claim> {
  readonly prefix: Prefix;
  readonly outer: Place<C> | undefined;
  /** Claims of exactly this that hold. */
  readonly held: C[];
  /** Who holds anything inside: one, or several and one of them. */
  below: { readonly id: string; readonly several: boolean } | undefined;
}

/** The earlier claim first; of two at one time that of the lower id. */
export function compareClaims(a: Claim, b: Claim): number {
  return a.rank - b.rank || (a.id < b.id ? -1 : a.id > b.id ? 1 : comparePrefixes(a.prefix, b.prefix));
}

/** Judges all claims at once. `network`: the ranges of the network, which no subnet may overlap. The rulings come in the order of the claims' ranks. */
export function judgeClaims<C extends Claim>(claims: readonly C[], network: readonly Prefix[]): Ruling<C>[] {
  const places = placesOf(claims);
  return [...claims].sort(compareClaims).map((claim) => {
    const overlaps = network.some((range) => prefixesOverlap(range, claim.prefix));
    if (overlaps && !isPodRange(network, claim)) return { claim, fault: 'network', holder: null };
    const place = places.get(claim) as Place<C>;
    const holder = holderAgainst(claim, place);
    if (holder !== undefined) return { claim, fault: 'taken', holder };
    place.held.push(claim);
    for (let outer = place.outer; outer; outer = outer.outer) {
      if (outer.below === undefined) outer.below = { id: claim.id, several: false };
      else if (outer.below.id !== claim.id) outer.below = { ...outer.below, several: true };
    }
    return { claim, fault: null, holder: null };
  });
}

/** Who holds the place, a part of it, or more than it, and does not share it with the claimant. */
function holderAgainst<C extends Claim>(claim: C, place: Place<C>): string | undefined {
  const other = place.held.find(({ id, shared }) => id !== claim.id && !(shared && claim.shared));
  if (other) return other.id;
  if (place.below && (place.below.id !== claim.id || place.below.several)) return place.below.id;
  for (let outer = place.outer; outer; outer = outer.outer) {
    const holder = outer.held.find(({ id }) => id !== claim.id);
    if (holder) return holder.id;
  }
  return undefined;
}

/** One place for each prefix; claims for the same share it. Those that hold others come before them in their order. */
function placesOf<C extends Claim>(claims: readonly C[]): Map<C, Place<C>> {
  const places = new Map<C, Place<C>>();
  let last: Place<C> | undefined;
  for (const claim of [...claims].sort((a, b) => comparePrefixes(a.prefix, b.prefix))) {
    if (!last || !equalPrefixes(last.prefix, claim.prefix)) {
      let outer = last;
      while (outer && !containsPrefix(outer.prefix, claim.prefix)) outer = outer.outer;
      last = { prefix: claim.prefix, outer, held: [], below: undefined };
    }
    places.set(claim, last);
  }
  return places;
}
