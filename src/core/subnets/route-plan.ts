/** Which routes this machine wants, of the subnets that members hold: pure. */
import { formatPrefix, type Prefix } from '../lib/prefix.js';
import type { Acceptance } from './acceptance.js';
import type { SubnetClaim, SubnetRuling } from './book.js';
import type { RouteState } from './route-report.js';
import type { WantedRoute } from './route-table.js';

export interface RoutePlanFacts {
  /** Own node id. */
  readonly self: string;
  readonly rulings: readonly SubnetRuling[];
  readonly acceptance: Acceptance;
  /** False for a member that is known not to answer. */
  alive(idText: string): boolean;
  /** This machine reaches all of the prefix by another interface. */
  reaches(prefix: Prefix): boolean;
  /** The ranges of the network: nothing of them may leave otherwise; none where the machine has use for them itself. */
  readonly network: readonly Prefix[];
  /** It lies in a range of the network: of pods, which are neighbours and need no route. */
  inside(prefix: Prefix): boolean;
}

export interface RoutePlan {
  readonly wanted: readonly WantedRoute[];
  /** How each claim that holds stands here. */
  readonly states: ReadonlyMap<SubnetClaim, RouteState>;
  /** Members of which one stands in for another. */
  readonly watched: ReadonlySet<string>;
}

/** The earlier of two members that share a subnet. */
function compareSharers(a: SubnetClaim, b: SubnetClaim): number {
  return a.since - b.since || (a.id < b.id ? -1 : 1);
}

export function planRoutes(facts: RoutePlanFacts): RoutePlan {
  const { self, rulings, acceptance } = facts;
  const states = new Map<SubnetClaim, RouteState>();
  const watched = new Set<string>();
  /** What is refused where no better route is, by text. */
  const refused = new Map<string, Prefix>(acceptance.ranges.map((range) => [formatPrefix(range), range]));
  for (const range of facts.network) refused.set(formatPrefix(range), range);
  const wanted: WantedRoute[] = [];
  for (const [text, sharers] of sharersOf(rulings)) {
    const { prefix } = sharers[0] as SubnetClaim;
    const ours = sharers.some(({ id }) => id === self);
    if (facts.inside(prefix)) {
      for (const claim of sharers) states.set(claim, claim.id === self ? 'announced' : 'active');
      continue;
    }
    const accepted = acceptance.accepts(prefix);
    const local = ours || (!acceptance.names(prefix) && facts.reaches(prefix));
    const first = sharers.sort(compareSharers).find(({ id }) => facts.alive(id)) ?? sharers[0];
    for (const claim of sharers) {
      const state = local ? 'local' : claim === first ? 'active' : 'standby';
      states.set(claim, claim.id === self ? 'announced' : accepted ? state : 'available');
    }
    if (!accepted || local || !first) continue;
    refused.set(text, prefix);
    wanted.push({ prefix, via: first.member });
    if (sharers.length > 1) for (const { id } of sharers) watched.add(id);
  }
  for (const prefix of refused.values()) wanted.push({ prefix, via: null });
  return { wanted, states, watched };
}

/** The claims that hold, by their prefix. */
function sharersOf(rulings: readonly SubnetRuling[]): Map<string, SubnetClaim[]> {
  const out = new Map<string, SubnetClaim[]>();
  for (const { claim, fault } of rulings) {
    if (fault !== null) continue;
    const text = formatPrefix(claim.prefix);
    const list = out.get(text);
    if (list) list.push(claim);
    else out.set(text, [claim]);
  }
  return out;
}
