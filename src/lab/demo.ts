/**
 * `evio demo`: the whole system on one machine. A relay and nodes behind different NATs in network namespaces,
 * real processes, real traffic, a table of what came out, and nothing left afterwards.
 */
import { setMaxListeners } from 'node:events';
import { EvioError } from '../core/lib/errors.js';
import { requirePrograms, sleep } from './exec.js';
import { firstPing, iperfTcp, ping } from './measure.js';
import { Rig } from './rig.js';
import type { RigNode } from './rig.js';
import type { SiteKind } from './topology.js';

/** Kinds of site in the order the demo takes them; more nodes than kinds begin again. */
const siteKinds: readonly SiteKind[] = [
  'endpoint-independent',
  'endpoint-independent-open',
  'address-and-port-dependent',
  'udp-blocked',
  'double-nat',
  'public',
  'ipv6-only',
  'tcp-443-only',
];

/** More would take the machine longer to measure than anybody waits. */
const mostNodes = 24;
/** How long a pair may take to its first ping before it counts as unreachable. */
const reachMs = 40_000;
/** Paths count as settled when none changed for this long, */
const quietMs = 3_000;
/** and nobody waits longer for it than this. */
const settleMs = 12_000;
const pingCount = 10;
const pingIntervalMs = 50;
/** Seconds of TCP for each pair, fewer when there are many pairs. */
const iperfSeconds = (pairs: number): number => (pairs > 6 ? 1 : 2);

export interface DemoNode {
  readonly name: string;
  readonly nat: SiteKind;
  readonly id: string;
  /** Overlay address. */
  readonly ip: string;
  /** Namespace it runs in and EVIO_HOME it uses: with both, `evio status` can be asked while the demo stands. */
  readonly namespace: string;
  readonly home: string;
  /** From starting `evio join` to the first ping to the first node; null for the first node, or if there was none. */
  readonly joinMs: number | null;
}

export interface DemoPair {
  readonly from: string;
  readonly to: string;
  /** Path in use after the traffic, as `evio peers` calls it; null when there is none. */
  readonly path: string | null;
  /** Average round trip of ten pings, and one TCP stream; null when nothing came back. */
  readonly pingMs: number | null;
  readonly mbps: number | null;
}

/** The JSON of `evio demo` (docs/cli.md). */
export interface DemoResult {
  readonly nodes: readonly DemoNode[];
  readonly pairs: readonly DemoPair[];
  /** Every pair could ping and carried the TCP stream. */
  readonly ok: boolean;
}

export type DemoPhase =
  'lab' | 'relay' | 'join' | 'connect' | 'settle' | 'measure' | 'kept' | 'teardown' | 'done';

/** What happens, as it happens. */
export type DemoEvent =
  | { readonly type: 'phase'; readonly phase: DemoPhase; readonly text: string }
  | {
      readonly type: 'node';
      readonly name: string;
      readonly nat: SiteKind;
      readonly state: 'site' | 'starting' | 'up' | 'reached';
      readonly ip: string | null;
      readonly ms: number | null;
    }
  | {
      readonly type: 'pair';
      readonly index: number;
      readonly total: number;
      readonly state: 'reached' | 'unreachable' | 'measured';
      readonly pair: DemoPair;
    }
  | { readonly type: 'line'; readonly source: string; readonly line: string }
  | { readonly type: 'result'; readonly result: DemoResult }
  /** With `keep`: commands that show the standing network. It stands until the signal aborts. */
  | { readonly type: 'kept'; readonly commands: readonly string[] };

export interface DemoOptions {
  /** Default 3. */
  readonly nodes?: number;
  /** After the summary, leave everything standing until `signal` aborts. */
  readonly keep?: boolean;
  readonly onEvent?: (event: DemoEvent) => void;
  /** Ends the demo at any point; it is torn down all the same. */
  readonly signal?: AbortSignal | undefined;
}

interface Member {
  readonly node: RigNode;
  readonly nat: SiteKind;
  startedAt: number;
  joinMs: number | null;
}

/**
 * Runs the demo. Throws EVIO_LAB or EVIO_NO_PRIVILEGE when this machine cannot, and the signal's reason when
 * aborted before the result was there. A pair that does not connect is a result (`ok: false`), not an error.
 */
export async function runDemo(options: DemoOptions = {}): Promise<DemoResult> {
  const { nodes = 3, keep = false, signal } = options;
  const emit = options.onEvent ?? ((): void => undefined);
  const phase = (name: DemoPhase, text: string): void => {
    emit({ type: 'phase', phase: name, text });
  };
  if (!Number.isInteger(nodes) || nodes < 2 || nodes > mostNodes) {
    throw new EvioError('EVIO_BAD_VALUE', `the demo takes 2 to ${mostNodes} nodes, not ${nodes}`);
  }
  // Every pair waits on it at once; that is no leak.
  if (signal !== undefined) setMaxListeners(0, signal);
  phase('lab', `building a small internet with ${nodes} sites`);
  requirePrograms('iperf3');
  const rig = await Rig.create({
    prefix: `evdemo${process.pid}`,
    signal,
    onLine: (source, line) => {
      emit({ type: 'line', source, line });
    },
  });
  let result: DemoResult | undefined;
  try {
    signal?.throwIfAborted();
    const members = await buildSites(rig, nodes, emit);
    phase('relay', 'starting the relay on its public machine');
    await rig.startRelay();
    phase('join', 'making the network and joining it');
    await joinAll(rig, members, emit);
    phase('connect', 'waiting until every pair can ping');
    const reached = await connectAll(members, emit, signal);
    phase('settle', 'letting direct paths replace relayed ones');
    await settle(rig, members, signal);
    phase('measure', 'measuring each pair');
    const pairs = await measureAll(members, reached, emit, signal);
    result = {
      nodes: members.map(summary),
      pairs,
      ok: pairs.every((p) => p.pingMs !== null && p.mbps !== null),
    };
    emit({ type: 'result', result });
    if (keep) {
      phase('kept', 'standing until interrupted');
      emit({ type: 'kept', commands: members.slice(0, 2).flatMap((m) => waysIn(m.node)) });
      await sleep(2 ** 31 - 1, signal).catch(() => undefined);
    }
    return result;
  } finally {
    phase('teardown', 'removing everything');
    await rig.destroy();
    phase('done', result?.ok === true ? 'done' : 'ended');
  }
}

function summary(member: Member): DemoNode {
  const { node, nat, joinMs } = member;
  return { name: node.name, nat, id: node.id, ip: node.ip, namespace: node.host.ns, home: node.home, joinMs };
}

function waysIn(node: RigNode): string[] {
  const inside = `ip netns exec ${node.host.ns}`;
  return [`${inside} env EVIO_HOME=${node.home} evio status`, `${inside} ping ${node.ip}`];
}

async function buildSites(rig: Rig, count: number, emit: (event: DemoEvent) => void): Promise<Member[]> {
  const kinds = Array.from({ length: count }, (_, i) => siteKinds[i % siteKinds.length] as SiteKind);
  return Promise.all(
    kinds.map(async (nat, i) => {
      const site = await rig.lab.site(`node${i + 1}`, { nat });
      emit({ type: 'node', name: site.name, nat, state: 'site', ip: null, ms: null });
      return { node: rig.node(site.host), nat, startedAt: 0, joinMs: null };
    }),
  );
}

/** The first node makes the network and runs; the others join it with one token, all at once. */
async function joinAll(
  rig: Rig,
  members: readonly Member[],
  emit: (event: DemoEvent) => void,
): Promise<void> {
  const [first, ...others] = members as [Member, ...Member[]];
  const starting = (member: Member): void => {
    member.startedAt = performance.now();
    emit({ type: 'node', name: member.node.name, nat: member.nat, state: 'starting', ip: null, ms: null });
  };
  const up = async (member: Member): Promise<void> => {
    await member.node.up();
    const ms = performance.now() - member.startedAt;
    emit({ type: 'node', name: member.node.name, nat: member.nat, state: 'up', ip: member.node.ip, ms });
  };
  await first.node.init('demo', rig.relayUrl);
  starting(first);
  first.node.launch(['node']);
  await up(first);
  const { token } = await first.node.json<{ token: string }>([
    'token',
    'create',
    '--uses',
    `${others.length}`,
  ]);
  await Promise.all(
    others.map(async (member) => {
      starting(member);
      member.node.launch(['join', token, '--name', member.node.name]);
      await up(member);
    }),
  );
}

function pairsOf(members: readonly Member[]): [Member, Member][] {
  return members.flatMap((a, i) => members.slice(i + 1).map((b): [Member, Member] => [b, a]));
}

/** First ping of every pair, all at once. Returns which pairs answered. */
async function connectAll(
  members: readonly Member[],
  emit: (event: DemoEvent) => void,
  signal: AbortSignal | undefined,
): Promise<boolean[]> {
  const pairs = pairsOf(members);
  return Promise.all(
    pairs.map(async ([from, to], index) => {
      const ms = await firstPing(from.node.host.ns, to.node.ip, reachMs, signal);
      if (ms !== undefined && to === members[0] && from.joinMs === null) {
        from.joinMs = performance.now() - from.startedAt;
        const { name, ip } = from.node;
        emit({ type: 'node', name, nat: from.nat, state: 'reached', ip, ms: from.joinMs });
      }
      const pair = { from: from.node.name, to: to.node.name, path: null, pingMs: null, mbps: null };
      emit({
        type: 'pair',
        index,
        total: pairs.length,
        state: ms === undefined ? 'unreachable' : 'reached',
        pair,
      });
      return ms !== undefined;
    }),
  );
}

/** Keeps a little traffic on every pair, which is what makes evio look for better paths, until nothing moves. */
async function settle(rig: Rig, members: readonly Member[], signal: AbortSignal | undefined): Promise<void> {
  const deadline = performance.now() + settleMs;
  const probes = pairsOf(members).map(([from, to]) =>
    from.node.host.launch(['ping', '-n', '-q', '-i', '0.5', to.node.ip]),
  );
  rig.lastPathChange = performance.now();
  try {
    while (performance.now() < deadline && performance.now() - rig.lastPathChange < quietMs)
      await sleep(100, signal);
  } finally {
    await Promise.all(probes.map((probe) => probe.stop(500)));
  }
}

/** One pair after the other, so that they do not share the machine. */
async function measureAll(
  members: readonly Member[],
  reached: readonly boolean[],
  emit: (event: DemoEvent) => void,
  signal: AbortSignal | undefined,
): Promise<DemoPair[]> {
  const results: DemoPair[] = [];
  const pairs = pairsOf(members);
  for (const [index, [from, to]] of pairs.entries()) {
    let pair: DemoPair = { from: from.node.name, to: to.node.name, path: null, pingMs: null, mbps: null };
    if (reached[index] === true) {
      const [client, server] = [from.node.host.ns, to.node.host.ns];
      const stream = await iperfTcp(client, server, to.node.ip, {
        seconds: iperfSeconds(pairs.length),
        signal,
      }).catch((thrown: unknown) => {
        if (thrown instanceof EvioError) return undefined;
        throw thrown;
      });
      const echo = await ping(client, to.node.ip, { count: pingCount, intervalMs: pingIntervalMs, signal });
      const peer = (await from.node.peers()).find((p) => p.ip === to.node.ip);
      pair = {
        ...pair,
        path: peer?.path?.kind ?? null,
        pingMs: echo.received === 0 ? null : round(echo.avgMs, 3),
        mbps: stream === undefined ? null : round(stream.mbps, 1),
      };
    }
    results.push(pair);
    emit({ type: 'pair', index, total: pairs.length, state: 'measured', pair });
  }
  return results;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
