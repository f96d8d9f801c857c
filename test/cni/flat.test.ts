/**
 * Pods that are neighbours in the network: of nodes behind different NATs, with addresses of the network itself. What one says to
 * all arrives at all, they find each other by ARP, and nobody says anything in another's name.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { firstPing, ping } from '../../src/lab/measure.js';
import { faultCases } from './flat-fault-cases.js';
import { networkCases } from './flat-network-cases.js';
import {
  add,
  attached,
  config,
  flatStage,
  heard,
  ranges,
  type FlatStage,
  type Placed,
} from './flat-stage.js';
import { missing } from './tools.js';

if (missing !== undefined) console.log(missing);

const rawFrames = fileURLToPath(new URL('../support/raw-frames.mjs', import.meta.url));
/** A router advertisement (RFC 4861 section 4.2) of fe80::1 to all, for half an hour. */
const routerAdvert = [
  '333300000001' + '020000000001' + '86dd',
  '60000000' +
    '0010' +
    '3aff' +
    'fe80000000000000' +
    '0000000000000001' +
    'ff02000000000000' +
    '0000000000000001',
  '8600' + '3527' + '4000' + '0708' + '00000000' + '00000000',
].join('');

describe.skipIf(missing !== undefined)('pods as neighbours in the network', () => {
  const made: { destroy(): Promise<unknown> }[] = [];
  let built: FlatStage | undefined;
  const stage = (): FlatStage => built as FlatStage;

  beforeAll(async () => {
    built = await flatStage((part) => made.unshift(part));
  });
  afterAll(async () => {
    for (const part of made) await part.destroy();
  });

  it('get addresses of the network, from ranges that their nodes hold', async () => {
    const { maker, a, one, two, three } = stage();
    const ips = [one.ip, two.ip, three.ip];
    expect(new Set(ips).size).toBe(3);
    for (const ip of ips) expect(ip).toMatch(/^10\.144\./);
    expect(await ranges(maker)).toHaveLength(2);
    const { mtu } = (await a.node.node.json<{ device: { mtu: number } }>(['status'])).device;
    const { stdout } = await run(['ip', '-json', 'link', 'show', 'eth0'], { ns: one.pod.name });
    expect((JSON.parse(stdout) as { mtu: number }[])[0]?.mtu).toBe(mtu);
  });

  it('are neighbours: of each other, of members and of their own node', async () => {
    const { maker, a, b, one, two, three } = stage();
    const { mtu } = (await a.node.node.json<{ device: { mtu: number } }>(['status'])).device;
    const longest = { count: 2, size: mtu - 28, dontFragment: true };
    for (const [from, to] of [
      [one, two],
      [two, one],
      [two, three],
    ] as const) {
      expect(await firstPing(from.pod.name, to.ip, 10_000)).toBeDefined();
      expect((await ping(from.pod.name, to.ip, longest)).received).toBe(2);
      expect(await firstPing(from.pod.name, to.ip6, 10_000)).toBeDefined();
      const { stdout } = await run(['ip', 'neigh', 'show', to.ip], { ns: from.pod.name });
      expect(stdout).toContain(to.mac);
    }
    for (const member of [maker, a.node, b.node]) {
      expect(await firstPing(one.pod.name, member.node.ip, 10_000)).toBeDefined();
      expect(await firstPing(member.ns, one.ip, 10_000)).toBeDefined();
      expect(await firstPing(member.ns, one.ip6, 10_000)).toBeDefined();
    }
  });

  it('reach what is outside of the network by their node, by both families, where they have it as gateway', async () => {
    const { a, one, two } = stage();
    const { ns } = a.node;
    const outside = `${ns}-out`;
    await run(['ip', 'netns', 'add', outside]);
    try {
      const lines = [
        `link add out0 type veth peer name eth0 netns ${outside}`,
        'addr add 172.31.9.1/24 dev out0',
        'addr add fd99::1/64 dev out0 nodad',
        'link set out0 up',
      ];
      await run(['ip', '-batch', '-'], { ns, input: `${lines.join('\n')}\n` });
      const there = [
        'addr add 172.31.9.2/24 dev eth0',
        'addr add fd99::2/64 dev eth0 nodad',
        'link set eth0 up',
      ];
      await run(['ip', '-batch', '-'], { ns: outside, input: `${there.join('\n')}\n` });
      // The node itself leaves by IPv6 where a router says so, which those who forward do not hear.
      const way = async (): Promise<string> =>
        (await run(['ip', '-6', 'route', 'show', 'default'], { ns })).stdout;
      // Machines of the lab hear none otherwise.
      await run(['sh', '-c', 'echo 1 > /proc/sys/net/ipv6/conf/out0/accept_ra'], { ns });
      for (let i = 0; i < 50 && (await way()) === ''; i++) {
        await run([process.execPath, rawFrames, 'eth0', routerAdvert, '1'], { ns: outside });
        await sleep(100);
      }
      expect(await way()).toContain('proto ra');
      // Nothing out there has a way to the pod: the node stands in for it.
      expect(await firstPing(one.pod.name, '172.31.9.2', 500)).toBeUndefined();
      expect(await firstPing(one.pod.name, 'fd99::2', 500)).toBeUndefined();
      const leaving = await add(a, 'leaving', { ...config, gateway: true });
      expect(await firstPing(leaving.pod.name, '172.31.9.2', 5_000)).toBeDefined();
      expect(await firstPing(leaving.pod.name, 'fd99::2', 5_000)).toBeDefined();
      expect(await firstPing(leaving.pod.name, two.ip6, 5_000)).toBeDefined();
      expect(await way()).toContain('proto ra');
      await a.runtime.plugin('DEL', config, attached(leaving.pod));
    } finally {
      await run(['ip', 'netns', 'delete', outside]);
    }
  });

  it('reach what is behind another member by their node, with the first packet', async () => {
    const { maker, a, b } = stage();
    const places = [
      ['10.98.0.0/24', '10.98.0.1'],
      ['fd98::/64', 'fd98::1'],
    ] as const;
    for (const [range, ip] of places) {
      await run(['ip', 'address', 'add', ip, 'dev', 'lo'], { ns: b.node.ns });
      await b.node.node.cli(['route', 'announce', range]);
      await a.node.node.cli(['route', 'accept', range]);
    }
    const { pod } = await add(a, 'reaching', { ...config, gateway: true });
    for (const [range, ip] of places) {
      const there = async (): Promise<string> =>
        (await run(['ip', 'route', 'get', ip], { ns: a.node.ns, allowFailure: true })).stdout;
      await expect.poll(there, { timeout: 10_000 }).toContain('dev evio0');
      expect([ip, (await ping(pod.name, ip, { count: 1, timeoutMs: 10_000 })).received]).toEqual([ip, 1]);
      await b.node.node.cli(['route', 'withdraw', range]);
    }
    expect((await a.runtime.plugin('DEL', config, attached(pod))).status).toBe(0);
    await expect.poll(() => ranges(maker), { timeout: 10_000 }).toHaveLength(2);
  });

  it('hear what one says to all, and to a group that they joined', async () => {
    const { one, two, three } = stage();
    await heard(one, '10.144.255.255', [two, three]);
    await heard(two, '239.1.2.3', [one, three], '239.1.2.3');
  });

  it('hear nothing that is for others, also for one that is gone', async () => {
    const { b, one, two, three } = stage();
    await b.runtime.plugin('DEL', config, attached(await b.runtime.pod('gone')));
    const gone = await add(b, 'gone');
    expect(await firstPing(one.pod.name, gone.ip, 10_000)).toBeDefined();
    expect(await firstPing(two.pod.name, gone.ip, 10_000)).toBeDefined();
    const many = ['-c10', '-i0.02', '-W1'];
    const ask = (from: Placed, ip: string): Promise<unknown> =>
      run(['ping', ...many, ip], { ns: from.pod.name, allowFailure: true });
    const { frames, others } = await b.runtime.overheard(three.pod, async () => {
      for (const from of [one, two]) await ask(from, gone.ip);
      expect((await b.runtime.plugin('DEL', config, attached(gone.pod))).status).toBe(0);
      for (const from of [one, two]) await ask(from, gone.ip);
      await ask(one, three.ip);
    });
    expect(frames).toBeGreaterThanOrEqual(5);
    expect(others).toEqual({});
  });

  networkCases(stage);
  faultCases(stage);
});
