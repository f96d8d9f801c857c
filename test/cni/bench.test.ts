/**
 * `npm run bench:cni`: what a pod network over evio costs, each against what the machines themselves have over evio in the same
 * round. Pods of two nodes behind NATs: routed and flat by evio's plugin; a plain bridge with static routes, which is what
 * Flannel's host-gw sets up; the same with the kernel's VXLAN between the evio addresses, which is what its vxlan sets up.
 */
import { afterAll, beforeAll, describe, it } from 'vitest';
import { firstPing, iperfTcp, ping } from '../../src/lab/measure.js';
import { reaches, table, TestNet, untilPath, type TestNode } from '../lab/support.js';
import { hostGateway, kernelVxlan, type Ends, type Side } from './by-hand.js';
import { Runtime, type Pod } from './runtime.js';
import { missing } from './tools.js';

const asked = process.env['EVIO_BENCH_CNI'] !== undefined && missing === undefined;
const rounds = Number(process.env['EVIO_BENCH_ROUNDS'] ?? 3);
const seconds = 2;
const starts = 30;

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

describe.skipIf(!asked)('pods over evio', () => {
  let net: TestNet;
  let sides: Side[];
  const ways = new Map<string, Ends>();

  const join = async (nat: TestNode['site']['kind'], token: string): Promise<Side> => {
    const node = await net.place({ nat });
    node.node.launch(['join', token, '--name', node.node.name]);
    await node.node.up();
    return { node, runtime: await Runtime.on({ ns: node.ns, home: node.node.home }) };
  };
  const attached = (pod: Pod): NodeJS.ProcessEnv => ({
    CNI_CONTAINERID: pod.name,
    CNI_NETNS: pod.netns,
    CNI_IFNAME: 'eth0',
  });
  const byPlugin = async (name: string, config: Record<string, unknown>): Promise<void> => {
    const ends: { name: string; ip: string }[] = [];
    for (const { runtime } of sides) {
      const pod = await runtime.pod(name);
      const { printed } = await runtime.plugin(
        'ADD',
        { cniVersion: '1.1.0', name, ...config },
        attached(pod),
      );
      const [ip] = printed['ips'] as { address: string }[];
      ends.push({ name: pod.name, ip: ip?.address.split('/')[0] ?? '' });
    }
    ways.set(name, { from: ends[0]?.name ?? '', to: ends[1]?.name ?? '', ip: ends[1]?.ip ?? '' });
  };
  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' });
    const [maker] = net.nodes as [TestNode];
    const made = await maker.node.json<{ token: string }>([
      'token',
      'create',
      '--uses',
      '2',
      '--right',
      'route',
    ]);
    sides = [await join('endpoint-independent', made.token), await join('endpoint-independent', made.token)];
    const [a, b] = sides as [Side, Side];
    await reaches(a.node, b.node, 10_000);
    await untilPath(a.node, b.node, 'direct', 15_000);
    ways.set('host', { from: a.node.ns, to: b.node.ns, ip: b.node.node.ip });
    await byPlugin('routed', { type: 'evio-cni' });
    await byPlugin('flat', { type: 'evio-cni', mode: 'flat' });
    ways.set('static', await hostGateway([a, b]));
    ways.set('vxlan', await kernelVxlan([a, b]));
    for (const { from, ip } of ways.values())
      if ((await firstPing(from, ip, 15_000)) === undefined) throw new Error(`${from} does not reach ${ip}`);
  }, 300_000);
  afterAll(async () => {
    for (const side of sides ?? []) await side.runtime.destroy();
    await net?.destroy();
  });

  it('between nodes', async () => {
    const mbits = new Map<string, number[]>();
    const rtts = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++)
      for (const [name, { from, to, ip }] of ways) {
        const { mbps } = await iperfTcp(from, to, ip, { seconds });
        mbits.set(name, [...(mbits.get(name) ?? []), mbps]);
        const { medianMs } = await ping(from, ip, { count: 100, intervalMs: 10 });
        rtts.set(name, [...(rtts.get(name) ?? []), medianMs]);
      }
    const host = mbits.get('host') ?? [];
    const rows = [...mbits].map(([name, values]) => [
      name,
      `${(median(values) / 1000).toFixed(2)} Gbit/s`,
      median(values.map((value, i) => value / (host[i] ?? NaN))).toFixed(2),
      `${median(rtts.get(name) ?? []).toFixed(2)} ms`,
      values.map((value) => (value / 1000).toFixed(2)).join(' '),
    ]);
    console.log(table([['pods', 'TCP', 'of host to host', 'round trip', 'rounds'], ...rows]));
  }, 300_000);

  it('a pod more', async () => {
    const [{ runtime }] = sides as [Side];
    const rows: string[][] = [];
    const range = { type: 'host-local', ranges: [[{ subnet: '10.64.0.0/24' }]] };
    const ways = [
      ['bridge', { type: 'bridge', bridge: 'plain', isGateway: true, ipam: range }],
      ['routed', { type: 'evio-cni' }],
      // As the agent writes it: nothing is asked of the node.
      ['agent', { type: 'evio-cni', device: 'evio0', ranges: [[{ subnet: '10.66.0.0/24' }]] }],
      ['flat', { type: 'evio-cni', mode: 'flat' }],
    ] as const;
    const all = new Map<string, number[]>();
    // By turns, and the first of each is not counted: it makes the bridge, and stays, as other pods of a node do.
    for (let i = 0; i <= starts; i++)
      for (const [name, config] of ways) {
        const pod = await runtime.pod(`${name}${i}`);
        const asked = { cniVersion: '1.0.0', name, ...config };
        const begun = performance.now();
        const { status, printed } = await runtime.plugin('ADD', asked, attached(pod), undefined, config.type);
        if (status !== 0) throw new Error(JSON.stringify(printed));
        if (i === 0) continue;
        all.set(name, [...(all.get(name) ?? []), performance.now() - begun]);
        await runtime.plugin('DEL', asked, attached(pod), undefined, config.type);
      }
    const plain = all.get('bridge') ?? [];
    const ms = (value: number): string => `${value.toFixed(0)} ms`;
    for (const [name, took] of all) {
      const above = took.map((value, i) => value - (plain[i] ?? NaN));
      rows.push([name, ms(Math.min(...took)), ms(median(took)), ms(median(above))]);
    }
    console.log(table([['ADD', 'least', 'median', 'above bridge'], ...rows]));
  }, 300_000);
});
