/** What we need each link for: a pure function of the links and of what we want. */
import { Claim } from '../wire/ring.js';
import { stands, type Link } from './link.js';
import { predecessorsOf, successorsOf, type Place } from './ring.js';
import { perSide } from './symphony.js';

/** What a link is judged by. */
export type Claimable = Pick<Link, 'id' | 'position' | 'up' | 'leaf' | 'settled' | 'suspect' | 'retiring'>;

type Ids = Pick<ReadonlySet<string>, 'has'>;

export interface Wants {
  /** Who we are, and whether we are a leaf, and have our place. */
  readonly self: Place;
  readonly leaf: boolean;
  readonly settled: boolean;
  /** Everybody is linked with everybody. */
  readonly mesh: boolean;
  /** Who should be our neighbours on the ring. */
  readonly ahead: readonly Place[];
  readonly behind: readonly Place[];
  /** Links that we drew, that traffic wants, that the operator wants. */
  readonly drawn: Ids;
  readonly demanded: Ids;
  readonly fixed: Ids;
}

/** A set of `Claim` for each link, in their order. */
export function claimsOf(links: Iterable<Claimable>, wants: Wants): number[] {
  const standing: Claimable[] = [];
  for (const link of links) if (stands(link)) standing.push(link);
  const near = nearOf(standing, wants);
  const anchor = anchorOf(standing, wants);
  const { mesh, drawn, demanded, fixed } = wants;
  const claims: number[] = [];
  for (const link of links) {
    const { id, leaf } = link;
    let claim = 0;
    if (!leaf && near.has(id)) claim |= Claim.ring;
    if ((mesh && !leaf) || drawn.has(id)) claim |= Claim.long;
    if (demanded.has(id)) claim |= Claim.demand;
    if (fixed.has(id)) claim |= Claim.fixed;
    if (link === anchor) claim |= Claim.anchor;
    claims.push(claim);
  }
  return claims;
}

/** Those that should be our neighbours, and, until they are up, the nearest that are. */
function nearOf(standing: readonly Claimable[], { self, leaf, ahead, behind }: Wants): ReadonlySet<string> {
  const count = perSide(leaf);
  const near = new Set<string>();
  for (const { id } of successorsOf(self, standing, count)) near.add(id);
  for (const { id } of predecessorsOf(self, standing, count)) near.add(id);
  for (const { id } of ahead) near.add(id);
  for (const { id } of behind) near.add(id);
  return near;
}

/** Whoever is not on the ring, or not yet, gets broadcasts from the nearest before it that is. */
function anchorOf(standing: readonly Claimable[], { self, leaf, settled }: Wants): Claimable | undefined {
  if (settled && !leaf) return undefined;
  const able = standing.filter((link) => link.settled && !link.suspect);
  return predecessorsOf(self, able, 1)[0];
}
