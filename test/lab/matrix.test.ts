/**
 * Every kind of site against every other: the first ping after `evio join`, the path that follows, and what it carries. It is
 * the matrix of docs/connectivity.md with one node of each kind, which `npm run matrix` measures; here every cell has to be right.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { iperfTcp } from '../../src/lab/measure.js';
import { byLuck, kinds as all, technique, type Kind } from '../matrix/kinds.js';
import { Places } from '../matrix/places.js';
import { pathWord, peerOf, reaches, table, TestNet, type TestNode } from './support.js';

/** Two protocols by which a router opens ports are one cell here: test/lab/port-mapping has both. */
const kinds = all.filter(({ name }) => name !== 'upnp');
const streamOnly = new Set(['no-udp', 'tcp-443', 'proxy']);

/** The path that the pair must end on. Nobody tries luck here. */
function expected(a: string, b: string): string {
  if (streamOnly.has(a)) return 'relay-ws';
  if (streamOnly.has(b)) return 'relay-udp'; // seen from a: by UDP to the relay, by WebSocket from there
  const how = technique(a, b);
  return how === undefined || how === byLuck ? 'relay-udp' : 'direct';
}

/** Every pair of `count` once, in rounds in which nobody is in two pairs. */
function rounds(count: number): [number, number][][] {
  return Array.from({ length: count }, (_, sum) => {
    const pairs: [number, number][] = [];
    for (let i = 0; i < count; i++) {
      const j = (sum - i + count) % count;
      if (i < j) pairs.push([i, j]);
    }
    return pairs;
  });
}

interface Cell {
  firstMs: number;
  pingFromJoinMs: number;
  path: string;
  mbps: number;
}

describe('NAT by NAT', () => {
  let net: TestNet;
  const cells = new Map<string, Cell>();
  let places: Places;
  const kindOf = (node: TestNode): Kind => kinds[net.nodes.indexOf(node)] as Kind;
  const short = (node: TestNode): string => kindOf(node).name;

  beforeAll(async () => {
    const [first, ...others] = kinds as [Kind, ...Kind[]];
    net = await TestNet.create({ nat: first.nat });
    places = new Places(net);
    for (const kind of others) await places.place(kind);
  });
  afterAll(async () => {
    await places?.stop();
    await net?.destroy();
  });

  it('has eight kinds of site and more, and every technique', () => {
    expect(kinds.length).toBeGreaterThanOrEqual(8);
    expect(kinds.map(({ name }) => name)).toEqual(expect.arrayContaining(['pcp', 'proxy']));
  });

  it('answers the first ping within 5 s of starting `evio join`, every pair', async () => {
    for (let j = 1; j < net.nodes.length; j++) {
      const joiner = net.nodes[j] as TestNode;
      const { at } = net.join(joiner, places.joinWords(kindOf(joiner)));
      await joiner.node.up();
      await Promise.all(
        net.nodes.slice(0, j).map(async (other, i) => {
          await reaches(joiner, other, 10_000);
          cells.set(`${i}-${j}`, { firstMs: 0, pingFromJoinMs: performance.now() - at, path: '', mbps: 0 });
        }),
      );
    }
    const slow = [...cells].filter(([, cell]) => cell.pingFromJoinMs > 5_000);
    expect(slow.map(([pair, cell]) => `${pair}: ${Math.round(cell.pingFromJoinMs)} ms`)).toEqual([]);
  });

  it('puts every pair on the path its NATs allow, direct ones within 5 s more', async () => {
    // Each tells of all others at once.
    const wrong = async (node: TestNode): Promise<string[]> => {
      const known = new Map((await node.node.peers()).map((peer) => [peer.name, peer]));
      return net.nodes
        .filter((other) => other !== node)
        .map((other) => ({ other, is: pathWord(known.get(other.node.name)) }))
        .filter(({ other, is }) => is !== expected(short(node), short(other)))
        .map(({ other, is }) => `${short(node)} to ${short(other)}: ${is}`);
    };
    for (const node of net.nodes) await expect.poll(() => wrong(node), { timeout: 5_000 }).toEqual([]);
  });

  it('carries TCP between every pair', async () => {
    const carries = async ([i, j]: readonly [number, number]): Promise<void> => {
      const [a, b] = [net.nodes[i] as TestNode, net.nodes[j] as TestNode];
      const { mbps } = await iperfTcp(a.ns, b.ns, b.node.ip, { seconds: 1 });
      const cell = cells.get(`${i}-${j}`) as Cell;
      cell.mbps = mbps;
      cell.path = pathWord(await peerOf(a, b));
      const streams = [a, b].some((end) => streamOnly.has(short(end)));
      expect(mbps, `${short(a)} to ${short(b)}`).toBeGreaterThan(streams ? 0.5 : 2);
      // A burst of load must not have thrown a pair off its path.
      expect(cell.path).toBe(expected(short(a), short(b)));
    };
    for (const round of rounds(net.nodes.length)) await Promise.all(round.map(carries));
    const head = ['path / first ping ms / Mbit/s', ...net.nodes.map((n, i) => `${i} ${short(n)}`)];
    const rows = net.nodes.map((n, i) => [
      `${i} ${short(n)}`,
      ...net.nodes.map((_, j) => {
        const cell = i < j ? cells.get(`${i}-${j}`) : undefined;
        return cell ? `${cell.path} ${Math.round(cell.pingFromJoinMs)} ${Math.round(cell.mbps)}` : '';
      }),
    ]);
    console.log(`\n${table([head, ...rows])}\n`);
  });

  it('names the NATs by RFC 4787', async () => {
    const none = ['public', 'v6'];
    const dependent = ['sequential', 'random', 'pcp'];
    const wanted = (kind: string): string =>
      none.includes(kind)
        ? 'none'
        : dependent.includes(kind)
          ? 'address-and-port-dependent'
          : 'endpoint-independent';
    for (const node of net.nodes) {
      const status = await node.node.json<{ nat: { mapping: string; udpBlocked: boolean } }>(['status']);
      expect(status.nat.udpBlocked, short(node)).toBe(streamOnly.has(short(node)));
      if (!streamOnly.has(short(node))) expect(status.nat.mapping, short(node)).toBe(wanted(short(node)));
    }
  });
});
