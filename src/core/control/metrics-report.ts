/**
 * A network in numbers: what `evio node --metrics` shows. How many numbers there are does not depend on how many members
 * there are. Pure.
 */
import { linkRoles, type LinkRole } from '../topology/overlay-ports.js';
import { pathKinds, type PathKind } from '../path/path.js';
import type { PolicyReport } from '../policy/enforcement.js';
import { reportedStates, type PeerReport, type ReportedState, type StatusReport } from '../node/reports.js';

/** Paths of one kind, and how long an answer took by them: half of them, nine in ten, all, ms; null: not measured yet. */
export interface PathMetrics {
  readonly count: number;
  readonly rttMs: { readonly p50: number; readonly p90: number; readonly max: number } | null;
}

export interface NetworkMetrics {
  readonly status: Pick<
    StatusReport,
    'node' | 'network' | 'device' | 'relays' | 'nat' | 'certificate' | 'peerCount'
  >;
  readonly sizeEstimate: number;
  readonly peers: Readonly<Record<ReportedState, number>>;
  readonly links: Readonly<Record<LinkRole, number>>;
  readonly paths: Readonly<Record<PathKind, PathMetrics>>;
  readonly quarantined: number;
  readonly conflicts: number;
  readonly waiting: number;
  readonly refusedRoutes: number;
  /** Frames, by what decided about them. */
  readonly policy: { readonly allow: number; readonly deny: number; readonly none: number };
}

function countBy<K extends string>(
  keys: readonly K[],
  values: Iterable<K | null | undefined>,
): Record<K, number> {
  const counts = Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;
  for (const value of values) if (value !== null && value !== undefined) counts[value]++;
  return counts;
}

function pathMetrics(peers: readonly PeerReport[], kind: PathKind): PathMetrics {
  const paths = peers.flatMap(({ path }) => (path?.kind === kind ? [path] : []));
  const times = paths.flatMap(({ rttMs }) => (rttMs === null ? [] : [rttMs])).sort((a, b) => a - b);
  const at = (part: number): number => times[Math.ceil(part * times.length) - 1] ?? 0;
  return {
    count: paths.length,
    rttMs: times.length === 0 ? null : { p50: at(0.5), p90: at(0.9), max: at(1) },
  };
}

export function networkMetrics(
  status: StatusReport,
  peers: readonly PeerReport[],
  policy: PolicyReport,
): NetworkMetrics {
  const { node, network, device, relays, nat, certificate, peerCount } = status;
  const hits = (action: 'allow' | 'deny'): number =>
    policy.rules.reduce((sum, rule) => sum + (rule.action === action ? rule.hits : 0), 0);
  return {
    status: { node, network, device, relays, nat, certificate, peerCount },
    sizeEstimate: status.ring.sizeEstimate,
    peers: countBy(
      reportedStates,
      peers.map(({ state }) => state),
    ),
    links: countBy(
      linkRoles,
      peers.map(({ link }) => link),
    ),
    paths: Object.fromEntries(pathKinds.map((kind) => [kind, pathMetrics(peers, kind)])) as Record<
      PathKind,
      PathMetrics
    >,
    quarantined: peers.reduce((sum, { quarantine }) => sum + (quarantine === null ? 0 : 1), 0),
    conflicts: status.conflicts?.length ?? 0,
    waiting: status.waiting?.length ?? 0,
    refusedRoutes: status.refusedRoutes?.length ?? 0,
    policy: {
      allow: hits('allow'),
      deny: hits('deny'),
      none: Object.values(policy.others).reduce((sum, count) => sum + count, 0),
    },
  };
}
