/**
 * A network in numbers: what `evio node --metrics` shows. How many numbers there are does not depend on how many members
 * there are. Asked each second of a node with hundreds of peers, it makes no text and no report of a peer: one pass
 * that counts. Pure.
 */
import { linkRoles, type LinkRole } from '../topology/overlay-ports.js';
import { pathKinds, type PathKind } from '../path/path.js';
import type { PolicyReport } from '../policy/enforcement.js';
import { reportedStates, type ReportedState, type StatusReport } from './reports.js';

/** Paths of one kind, and how long an answer took by them: half of them, nine in ten, all, ms; null: not measured yet. */
export interface PathMetrics {
  readonly count: number;
  readonly rttMs: { readonly p50: number; readonly p90: number; readonly max: number } | null;
}

/** The part of a status that has no line for a member. */
export type StatusHead = Pick<
  StatusReport,
  'node' | 'network' | 'device' | 'relays' | 'nat' | 'certificate' | 'peerCount'
>;

export interface NetworkMetrics {
  readonly status: StatusHead;
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

/** What is counted of one peer; a `PeerReport` has it. */
export interface PeerStanding {
  readonly state: ReportedState;
  readonly link: LinkRole | null;
  readonly path: { readonly kind: PathKind; readonly rttMs: number | null } | null;
  /** Null: it is not in quarantine. */
  readonly quarantine: object | null;
}

/** What else is counted. */
export type Tallies = Pick<NetworkMetrics, 'sizeEstimate' | 'conflicts' | 'waiting' | 'refusedRoutes'>;

const zeros = <K extends string>(keys: readonly K[]): Record<K, number> =>
  Object.fromEntries(keys.map((key) => [key, 0])) as Record<K, number>;

function quantiles(times: number[]): PathMetrics['rttMs'] {
  if (times.length === 0) return null;
  times.sort((a, b) => a - b);
  const at = (part: number): number => times[Math.ceil(part * times.length) - 1] ?? 0;
  return { p50: at(0.5), p90: at(0.9), max: at(1) };
}

export function networkMetrics(
  status: StatusHead,
  tallies: Tallies,
  standings: Iterable<PeerStanding>,
  policy: Pick<PolicyReport, 'rules' | 'others'>,
): NetworkMetrics {
  const [peers, links, paths] = [zeros(reportedStates), zeros(linkRoles), zeros(pathKinds)];
  const times = Object.fromEntries(pathKinds.map((kind) => [kind, [] as number[]])) as Record<
    PathKind,
    number[]
  >;
  let quarantined = 0;
  for (const { state, link, path, quarantine } of standings) {
    peers[state]++;
    if (link !== null) links[link]++;
    if (quarantine !== null) quarantined++;
    if (path === null) continue;
    paths[path.kind]++;
    if (path.rttMs !== null) times[path.kind].push(path.rttMs);
  }
  const hits = (action: 'allow' | 'deny'): number =>
    policy.rules.reduce((sum, rule) => sum + (rule.action === action ? rule.hits : 0), 0);
  return {
    status,
    ...tallies,
    peers,
    links,
    paths: Object.fromEntries(
      pathKinds.map((kind) => [kind, { count: paths[kind], rttMs: quantiles(times[kind]) }]),
    ) as Record<PathKind, PathMetrics>,
    quarantined,
    policy: {
      allow: hits('allow'),
      deny: hits('deny'),
      none: Object.values(policy.others).reduce((sum, count) => sum + count, 0),
    },
  };
}
