/**
 * The overlay with real nodes: two dozen behind mixed NATs reach each other with few links, and what breaks heals. The
 * members that stay on a relay, or are cut off from UDP, take part like everybody else.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ask } from '../../src/core/control/client.js';
import type { PeerReport, StatusReport } from '../../src/core/control/schema.js';
import { run, sleep } from '../../src/lab/exec.js';
import type { SiteOptions } from '../../src/lab/site.js';
import { outage, table, TestNet, type TestNode } from './support.js';

const socketOf = (node: TestNode): string => join(node.node.home, 'control.sock');
const statusOf = (node: TestNode): Promise<StatusReport> => ask(socketOf(node), 'status', {});
const peersOf = async (node: TestNode): Promise<PeerReport[]> =>
  (await ask(socketOf(node), 'peers', {})).peers;

/** Machines whose ring neighbours are not the true ones, in the order of ids. */
async function misplaced(nodes: readonly TestNode[]): Promise<string[]> {
  const ring = [...nodes].sort((a, b) => (a.node.id < b.node.id ? -1 : 1));
  const reports = await Promise.all(ring.map((node) => statusOf(node).catch(() => undefined)));
  return ring.flatMap((node, i) => {
    const next = ring[(i + 1) % ring.length] as TestNode;
    const previous = ring[(i + ring.length - 1) % ring.length] as TestNode;
    const seen = reports[i]?.ring;
    const right = seen?.successors[0] === next.node.id && seen.predecessor === previous.node.id;
    return right ? [] : [node.node.name];
  });
}

/** ms until the nodes form one ring. */
async function untilWhole(nodes: readonly TestNode[], timeoutMs: number): Promise<number> {
  const begun = performance.now();
  let wrong: string[] = [];
  while (performance.now() - begun < timeoutMs) {
    wrong = await misplaced(nodes);
    if (wrong.length === 0) return Math.round(performance.now() - begun);
    await sleep(200);
  }
  throw new Error(`after ${timeoutMs} ms these are not in their place: ${wrong.join(', ')}`);
}

/** Pairs without any answer to three pings, twice: the first may be what makes the tunnel. */
async function silentPairs(nodes: readonly TestNode[]): Promise<string[]> {
  const pairs = nodes.map((from) => ({ from, to: nodes.filter((node) => node !== from) }));
  const silent = await unanswered(await unanswered(pairs));
  return silent.flatMap(({ from, to }) =>
    to.map(({ node, kind }) => `${from.node.name} (${from.kind}) - ${node.name} (${kind})`),
  );
}

interface Pings {
  readonly from: TestNode;
  readonly to: readonly TestNode[];
}

/** What of these pings nobody answered. Three machines ping at a time, each everybody at once. */
async function unanswered(pings: readonly Pings[]): Promise<Pings[]> {
  const silent: Pings[] = [];
  const queue = [...pings];
  const worker = async (): Promise<void> => {
    for (let next = queue.pop(); next; next = queue.pop()) {
      const { from, to } = next;
      const script = `for ip in ${to.map(({ node }) => node.ip).join(' ')}; do
        { ping -n -q -c 3 -i 0.3 -w 6 $ip > /dev/null || echo $ip; } & done; wait`;
      const { stdout } = await run(['sh', '-c', script], { ns: from.ns, timeoutMs: 30_000 });
      const lost = new Set(stdout.split('\n'));
      const rest = to.filter(({ node }) => lost.has(node.ip));
      if (rest.length > 0) silent.push({ from, to: rest });
    }
  };
  await Promise.all([worker(), worker(), worker()]);
  return silent;
}

async function crash(node: TestNode): Promise<void> {
  const pid = node.node.process?.pid;
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  await node.node.process?.exited;
}

/** A few at a time: two cores start processes slowly. */
async function grow(net: TestNet, kinds: readonly SiteOptions['nat'][]): Promise<void> {
  const placed: TestNode[] = [];
  for (const nat of kinds) placed.push(await net.place({ nat }));
  await inBatches(placed, (node) => net.join(node));
}

/** Starts again what was stopped or killed. */
function restart(nodes: readonly TestNode[]): Promise<void> {
  return inBatches(nodes, (node) => node.node.launch(['node']));
}

async function inBatches(nodes: readonly TestNode[], start: (node: TestNode) => void): Promise<void> {
  for (let at = 0; at < nodes.length; at += 4) {
    const batch = nodes.slice(at, at + 4);
    batch.forEach(start);
    await Promise.all(batch.map((node) => node.node.up(60_000)));
  }
}

const repeat = (count: number, nat: SiteOptions['nat']): SiteOptions['nat'][] =>
  Array.from({ length: count }, () => nat);

describe('overlay of 24 nodes behind mixed NATs', () => {
  let net: TestNet;
  const report: string[][] = [['event', 'nodes', 'ms']];
  const note = (event: string, nodes: number, ms: number): void => {
    report.push([event, `${nodes}`, `${Math.round(ms)}`]);
  };

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await grow(net, [
      ...repeat(10, 'endpoint-independent'),
      ...repeat(5, 'endpoint-independent-open'),
      ...repeat(4, 'address-and-port-dependent'),
      ...repeat(1, 'double-nat'),
      ...repeat(1, 'public'),
      ...repeat(1, 'udp-blocked'),
      ...repeat(1, 'tcp-443-only'),
    ]);
  }, 180_000);
  afterAll(async () => {
    console.log(`\n${table(report)}\n`);
    await net?.destroy();
  });

  it('is one ring in which every pair reaches each other', async () => {
    expect(net.nodes).toHaveLength(24);
    note('ring whole after the last join', 24, await untilWhole(net.nodes, 15_000));
    expect(await silentPairs(net.nodes)).toEqual([]);
  });

  it('shows every link and what it is for', async () => {
    const node = net.nodes[3] as TestNode;
    const { ring } = await statusOf(node);
    const peers = await peersOf(node);
    const linkOf = (id: string): string | null | undefined => peers.find((peer) => peer.id === id)?.link;
    expect(ring.successors).toHaveLength(3);
    expect(ring.sizeEstimate).toBeGreaterThan(8);
    expect(ring.sizeEstimate).toBeLessThan(72);
    for (const id of ring.successors) expect(linkOf(id)).toBe('successor');
    expect(linkOf(ring.predecessor ?? '')).toBe('predecessor');
    // All pairs were pinged, so most of the others have a tunnel on demand.
    expect(peers.filter((peer) => peer.link === 'on-demand').length).toBe(ring.onDemand.length);
    expect(ring.onDemand.length).toBeGreaterThan(0);
  });

  it('brings a broadcast to everybody once', async () => {
    const [from, ...others] = net.nodes as [TestNode, ...TestNode[]];
    await Promise.all(
      others.map((node) =>
        run(['sh', '-c', 'echo 0 > /proc/sys/net/ipv4/icmp_echo_ignore_broadcasts'], { ns: node.ns }),
      ),
    );
    const broadcast = '10.144.255.255';
    const { stdout } = await run(['ping', '-n', '-b', '-c', '3', '-i', '1', '-w', '5', broadcast], {
      ns: from.ns,
      allowFailure: true,
    });
    for (const { node } of others) {
      const answers = stdout.split('\n').filter((line) => line.includes(`from ${node.ip}:`));
      const sequence = answers.map((line) => /icmp_seq=(\d+)/.exec(line)?.[1]);
      expect(new Set(sequence).size, `${node.name}: ${stdout}`).toBe(sequence.length);
      expect(sequence.length, `${node.name} answered ${sequence.join()}`).toBeGreaterThanOrEqual(2);
    }
  });

  it('is whole within 10 s after six of them were killed at once', async () => {
    const order = [...net.nodes].sort(() => Math.random() - 0.5);
    const dead = order.slice(0, 6);
    const rest = order.slice(6);
    await Promise.all(dead.map(crash));
    note('six killed', 18, await untilWhole(rest, 10_000));
    expect(await silentPairs(rest)).toEqual([]);
    await restart(dead);
    note('six started again', 24, await untilWhole(net.nodes, 15_000));
  });
});

describe('overlay without its relay', () => {
  let net: TestNet;
  const report: string[][] = [['event', 'nodes', 'ms']];
  const note = (event: string, nodes: number, ms: number): void => {
    report.push([event, `${nodes}`, `${Math.round(ms)}`]);
  };

  beforeAll(async () => {
    // Half of each kind has an even number, so two halves are alike.
    net = await TestNet.create({ nat: 'endpoint-independent-open' });
    await grow(net, [
      ...repeat(7, 'endpoint-independent'),
      ...repeat(2, 'endpoint-independent-open'),
      ...repeat(4, 'public'),
      ...repeat(2, 'address-and-port-dependent'),
    ]);
    await untilWhole(net.nodes, 15_000);
    // Pings make direct paths, and direct paths are what is remembered.
    expect(await silentPairs(net.nodes)).toEqual([]);
    await sleep(4_000);
  }, 180_000);
  afterAll(async () => {
    console.log(`\n${table(report)}\n`);
    await net?.destroy();
  });

  it('becomes one ring again after two halves could not reach each other for 30 s', async () => {
    const sites = net.nodes.map((node) => node.site);
    const halves = [net.nodes.filter((_, i) => i % 2 === 0), net.nodes.filter((_, i) => i % 2 === 1)];
    // The relay is in neither half: nobody reaches it.
    await net.rig.lab.partition(halves.map((half) => half.map((node) => node.site)));
    await crash({ ...(net.nodes[0] as TestNode), node: net.rig.relay });
    await sleep(30_000);
    for (const half of halves) note('a half by itself', half.length, await untilWhole(half, 15_000));
    await net.rig.lab.partition([sites]);
    note('merged', net.nodes.length, await untilWhole(net.nodes, 60_000));
    expect(await silentPairs(net.nodes)).toEqual([]);
  });

  it('finds itself again when all start and no relay answers', async () => {
    await Promise.all(net.nodes.map((node) => node.node.stop()));
    await restart(net.nodes);
    note('started without a relay', net.nodes.length, await untilWhole(net.nodes, 40_000));
    expect(await silentPairs(net.nodes)).toEqual([]);
  });

  it('carries traffic of a pair that cannot meet through others, and around one that dies within 3 s', async () => {
    const hard = net.nodes.filter((node) => node.kind === 'address-and-port-dependent');
    const [a, b] = hard as [TestNode, TestNode];
    const peer = (await peersOf(a)).find(({ name }) => name === b.node.name);
    expect(peer?.path?.kind).toBe('overlay');
    const before = new Map<TestNode, number>();
    const transit = async (node: TestNode): Promise<number> => (await statusOf(node)).device.transitPackets;
    for (const node of net.nodes) before.set(node, await transit(node));
    await run(['ping', '-n', '-q', '-c', '20', '-i', '0.05', b.node.ip], { ns: a.ns });
    let busiest: { node: TestNode; packets: number } | undefined;
    for (const node of net.nodes) {
      const packets = (await transit(node)) - (before.get(node) ?? 0);
      if (node !== a && node !== b && packets > (busiest?.packets ?? 0)) busiest = { node, packets };
    }
    expect(busiest?.packets ?? 0).toBeGreaterThanOrEqual(20);
    const hop = (busiest as { node: TestNode }).node;
    const result = await outage(a, b, () => crash(hop), 8_000);
    note(`hop ${hop.node.name} killed: longest outage`, 15, result.longestMs);
    expect(result.longestMs).toBeLessThan(3_000);
  });
});
