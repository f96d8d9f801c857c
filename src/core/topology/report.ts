/** The links as reports show them. */
import { Claim } from '../wire/ring.js';
import type { Link } from './link.js';
import type { LinkReport, LinkRole, RingReport } from './overlay-ports.js';
import { clockwise } from './position.js';
import { predecessorsOf, successorsOf, type Place } from './ring.js';
import { neighbourCount } from './symphony.js';

type Shown = Pick<Link, keyof Place | 'up' | 'leaf' | 'mine' | 'claims'>;

export function linkReports(self: Place, links: Iterable<Shown>): LinkReport[] {
  const all = [...links];
  const { successors, predecessors } = neighboursOf(self, all);
  const roleOf = (link: Shown): LinkRole => {
    if ((link.mine & Claim.fixed) !== 0) return 'static';
    if (successors.includes(link)) return 'successor';
    if (predecessors.includes(link)) return 'predecessor';
    if ((link.claims & Claim.ring) !== 0) {
      const ahead = clockwise(self.position, link.position);
      return ahead <= clockwise(link.position, self.position) ? 'successor' : 'predecessor';
    }
    return (link.claims & Claim.long) !== 0 ? 'long' : 'on-demand';
  };
  return all.map((link) => ({ id: link.id, up: link.up, role: roleOf(link) }));
}

/** @param size members that there may be */
export function ringReport(self: Place, links: Iterable<Shown>, size: number): RingReport {
  const all = [...links];
  const { successors, predecessors } = neighboursOf(self, all);
  const up = linkReports(self, all).filter((link) => link.up);
  const ofRole = (role: LinkRole): string[] => up.filter((link) => link.role === role).map(({ id }) => id);
  return {
    sizeEstimate: Math.round(size),
    predecessor: predecessors[0]?.id ?? null,
    successors: successors.map(({ id }) => id),
    longLinks: ofRole('long'),
    onDemand: ofRole('on-demand'),
  };
}

/** The nearest links that are up, on both sides. */
function neighboursOf(self: Place, links: readonly Shown[]): { successors: Shown[]; predecessors: Shown[] } {
  const places = links.filter((link) => link.up && !link.leaf);
  return {
    successors: successorsOf(self, places, neighbourCount),
    predecessors: predecessorsOf(self, places, neighbourCount),
  };
}
