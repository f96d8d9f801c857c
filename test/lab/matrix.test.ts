/** Every NAT against every NAT: the first ping after `evio join`, the path that follows, and what it carries. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { iperfTcp } from '../../src/lab/measure.js';
import type { SiteOptions } from '../../src/lab/site.js';
import { pathWord, peerOf, reaches, table, TestNet, untilPath, type TestNode } from './support.js';

const sites: (SiteOptions & { short: string })[] = [
  { nat: 'endpoint-independent', short: 'EI' },
  { nat: 'endpoint-independent', short: 'EI' },
  { nat: 'endpoint-independent-open', short: 'EI-open' },
  { nat: 'double-nat', short: 'double' },
  { nat: 'address-and-port-dependent', short: 'APD' },
  { nat: 'address-and-port-dependent', short: 'APD' },
  { nat: 'public', short: 'public' },
  { nat: 'ipv6-only', short: 'v6-only' },
  { nat: 'udp-blocked', short: 'no-udp' },
  { nat: 'udp-blocked', short: 'no-udp' },
  { nat: 'tcp-443-only', short: 'tcp-443' },
];

const punchable = new Set(['EI', 'EI-open', 'double', 'public']);
const streamOnly = new Set(['no-udp', 'tcp-443']);

/** The path that the pair must end on. */
function expected(a: string, b: string): string {
  if (streamOnly.has(a)) return 'relay-ws';
  if (streamOnly.has(b)) return 'relay-udp'; // seen from a: by UDP to the relay, by WebSocket from there
  if (punchable.has(a) && punchable.has(b)) return 'direct';
  if (a === 'public' || b === 'public') return 'direct';
  return 'relay-udp';
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
  const short = (node: TestNode): string => sites[net.nodes.indexOf(node)]?.short ?? '';

  beforeAll(async () => {
    net = await TestNet.create(sites[0] as SiteOptions);
    for (const site of sites.slice(1)) await net.place(site);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  it('answers the first ping within 5 s of starting `evio join`, every pair', async () => {
    for (let j = 1; j < net.nodes.length; j++) {
      const joiner = net.nodes[j] as TestNode;
      const { at } = net.join(joiner);
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

  it('puts every pair on the path its NATs allow, direct ones within 3 s more', async () => {
    for (let j = 1; j < net.nodes.length; j++) {
      for (let i = 0; i < j; i++) {
        const [a, b] = [net.nodes[i] as TestNode, net.nodes[j] as TestNode];
        await untilPath(a, b, expected(short(a), short(b)), 3_000);
        await untilPath(b, a, expected(short(b), short(a)), 3_000);
      }
    }
  });

  it('carries TCP between every pair', async () => {
    const carries = async ([i, j]: readonly [number, number]): Promise<void> => {
      const [a, b] = [net.nodes[i] as TestNode, net.nodes[j] as TestNode];
      const { mbps } = await iperfTcp(a.ns, b.ns, b.node.ip, { seconds: 1 });
      const cell = cells.get(`${i}-${j}`) as Cell;
      cell.mbps = mbps;
      cell.path = pathWord(await peerOf(a, b));
      expect(mbps, `${short(a)} to ${short(b)}`).toBeGreaterThan(2);
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
    const wanted: Record<string, string> = {
      EI: 'endpoint-independent',
      'EI-open': 'endpoint-independent',
      double: 'endpoint-independent',
      APD: 'address-and-port-dependent',
      public: 'none',
      'v6-only': 'none',
    };
    for (const node of net.nodes) {
      const status = await node.node.json<{ nat: { mapping: string; udpBlocked: boolean } }>(['status']);
      expect(status.nat.udpBlocked, short(node)).toBe(streamOnly.has(short(node)));
      if (!streamOnly.has(short(node))) expect(status.nat.mapping, short(node)).toBe(wanted[short(node)]);
    }
  });
});
