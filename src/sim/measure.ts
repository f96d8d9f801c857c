/** What the simulator looks at, as nobody inside the network could: the truth about ring, routes and broadcasts. */
import type { SimNode } from './node.js';
import { walkFlood, walkRoute } from './packets.js';
import type { SeededRandom } from './random.js';
import { longLinkCount, meshEnd, neighbourCount } from '../core/topology/symphony.js';

export interface Spread {
  readonly mean: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** Mean, quantiles by nearest rank, and maximum; zeros for nothing. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) return { mean: 0, p50: 0, p99: 0, max: 0 };
  const sorted = Float64Array.from(values).sort();
  const rank = (share: number): number => sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] as number;
  const sum = values.reduce((total, value) => total + value, 0);
  return { mean: sum / values.length, p50: rank(0.5), p99: rank(0.99), max: rank(1) };
}

/** The member has its true neighbours among `ring` (in ring order), of which it is number `i`. */
export function isPlaced(ring: readonly SimNode[], i: number): boolean {
  const node = ring[i] as SimNode;
  if (ring.length < 2) return true;
  const { predecessor, successors } = node.report();
  const next = ring[(i + 1) % ring.length] as SimNode;
  const previous = ring[(i + ring.length - 1) % ring.length] as SimNode;
  return successors[0] === next.id && predecessor === previous.id;
}

/** The member has as many neighbours and long links as it should have in a network of the size that it believes in. */
export function isLinked(node: SimNode): boolean {
  const { successors, longLinks, sizeEstimate } = node.report();
  const mesh = sizeEstimate <= meshEnd;
  return mesh || (successors.length >= neighbourCount && longLinks.length >= longLinkCount(sizeEstimate));
}

/** Members without their true neighbours. Leaves are not on the ring. */
export function misplaced(members: readonly SimNode[], limit = Infinity): number {
  const ring = members.filter(({ role }) => role === 'switch');
  let count = 0;
  for (let i = 0; i < ring.length && count < limit; i++) if (!isPlaced(ring, i)) count++;
  return count;
}

/** Hops over the tables as they stand. Pairs whose packet did not arrive are counted in `lost`. */
export function measureRoutes(
  members: readonly SimNode[],
  pairs: number,
  random: SeededRandom,
): { hops: number[]; lost: number } {
  const hops: number[] = [];
  let lost = 0;
  if (members.length < 2) return { hops, lost };
  for (let i = 0; i < pairs; i++) {
    const from = random.pick(members);
    const to = random.pick(members);
    if (from === to) continue;
    const routed = walkRoute(from, to);
    if (routed.delivered) hops.push(routed.hops);
    else lost++;
  }
  return { hops, lost };
}

/** Broadcasts of these origins reach everybody, over the tables as they stand. */
export function reachesAll(members: readonly SimNode[], origins: readonly SimNode[]): boolean {
  return origins.every((origin) => walkFlood(origin).reached.size === members.length);
}

/** Links in use. */
export function degreeOf(node: SimNode): number {
  let count = 0;
  for (const link of node.links.values()) if (link.up) count++;
  return count;
}
