/**
 * Pods that are neighbours in the network: of nodes behind different NATs, with addresses of the network itself. What one says to
 * all arrives at all, they find each other by ARP, and nobody says anything in another's name.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LabProcess, run, sleep } from '../../src/lab/exec.js';
import { firstPing, ping } from '../../src/lab/measure.js';
import { reaches, TestNet, type TestNode } from '../lab/support.js';
import { Runtime, type Pod } from './runtime.js';
import { buildOther, missing, othersToo } from './tools.js';

if (missing !== undefined) console.log(missing);

const config = { cniVersion: '1.1.0', name: 'flat', type: 'evio-cni', mode: 'flat' };
type Config = typeof config & { readonly gateway?: boolean };

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

interface Worker {
  readonly node: TestNode;
  readonly runtime: Runtime;
}

interface Placed {
  readonly worker: Worker;
  readonly pod: Pod;
  readonly ip: string;
  readonly ip6: string;
  readonly mac: string;
}

function attached(pod: Pod): NodeJS.ProcessEnv {
  return { CNI_CONTAINERID: pod.name, CNI_NETNS: pod.netns, CNI_IFNAME: 'eth0' };
}

const listening = `
  const [group, own] = process.argv.slice(1);
  const s = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true });
  s.bind(5400, () => { if (group !== 'none') s.addMembership(group, own); console.log('ready'); });
  s.on('message', (m, from) => console.log('got ' + m + ' of ' + from.address));`;
const sending = `
  const [to, own] = process.argv.slice(1);
  const s = require('node:dgram').createSocket('udp4');
  s.bind(0, () => {
    s.setBroadcast(true);
    s.setMulticastInterface(own);
    let left = 100;
    const next = () => { if (left-- > 0) s.send('hello', 5400, to, () => setTimeout(next, 100)); else s.close(); };
    next();
  });`;

describe.skipIf(missing !== undefined)('pods as neighbours in the network', () => {
  let net: TestNet;
  let a: Worker;
  let b: Worker;
  let maker: TestNode;
  let one: Placed;
  let two: Placed;
  let three: Placed;

  const join_ = async (nat: TestNode['site']['kind'], token: string): Promise<Worker> => {
    const node = await net.place({ nat });
    node.node.launch(['join', token, '--name', node.node.name]);
    await node.node.up();
    return { node, runtime: await Runtime.on({ ns: node.ns, home: node.node.home }) };
  };
  const add = async (worker: Worker, name: string, given: Config = config): Promise<Placed> => {
    const pod = await worker.runtime.pod(name);
    const { status, printed } = await worker.runtime.plugin('ADD', given, attached(pod));
    expect([status, printed]).toEqual([0, expect.anything()]);
    const [ip, ip6] = printed['ips'] as { address: string }[];
    const mac = (printed['interfaces'] as { mac: string }[]).at(-1)?.mac ?? '';
    const bare = (entry?: { address: string }): string => entry?.address.split('/')[0] ?? '';
    return { worker, pod, ip: bare(ip), ip6: bare(ip6), mac };
  };
  const leases = ({ node }: Worker): string[] => {
    try {
      return readdirSync(join(node.node.home, 'pods'));
    } catch {
      return [];
    }
  };
  const drops = async (node: TestNode, reason: string): Promise<number> => {
    const { device } = await node.node.json<{ device: { drops: Record<string, number> } }>(['status']);
    return device.drops[reason] ?? 0;
  };
  const ranges = async (): Promise<string[]> => {
    const { routes } = await maker.node.json<{ routes: { cidr: string; state: string }[] }>([
      'route',
      'list',
    ]);
    return routes.filter(({ state }) => state === 'active').map(({ cidr }) => cidr);
  };
  /** What the pods hear of what `from` says. */
  const heard = async (from: Placed, to: string, by: readonly Placed[], group = 'none'): Promise<void> => {
    const inside = ({ pod, ip }: Placed, script: string, word: string): LabProcess =>
      new LabProcess(['nsenter', `--net=${pod.netns}`, process.execPath, '-e', script, word, ip]);
    const listeners = by.map((placed) => inside(placed, listening, group));
    await Promise.all(listeners.map((listener) => listener.line(/ready/, 10_000)));
    const sender = inside(from, sending, to);
    try {
      const said = new RegExp(`got hello of ${from.ip.replaceAll('.', '\\.')}`);
      await Promise.all(listeners.map((listener) => listener.line(said, 15_000)));
    } finally {
      for (const process of [sender, ...listeners]) await process.stop();
    }
  };

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' });
    [maker] = net.nodes as [TestNode];
    const made = await maker.node.json<{ token: string }>([
      'token',
      'create',
      '--uses',
      '3',
      '--right',
      'route',
    ]);
    a = await join_('endpoint-independent', made.token);
    b = await join_('address-and-port-dependent', made.token);
    await reaches(a.node, b.node, 10_000);
  });
  afterAll(async () => {
    for (const worker of [a, b]) await worker?.runtime.destroy();
    await net?.destroy();
  });

  it('get addresses of the network, from ranges that their nodes hold', async () => {
    one = await add(a, 'one');
    two = await add(b, 'two');
    three = await add(b, 'three');
    const ips = [one.ip, two.ip, three.ip];
    expect(new Set(ips).size).toBe(3);
    for (const ip of ips) expect(ip).toMatch(/^10\.144\./);
    expect(await ranges()).toHaveLength(2);
    const { mtu } = (await a.node.node.json<{ device: { mtu: number } }>(['status'])).device;
    const { stdout } = await run(['ip', '-json', 'link', 'show', 'eth0'], { ns: one.pod.name });
    expect((JSON.parse(stdout) as { mtu: number }[])[0]?.mtu).toBe(mtu);
  });

  it('are neighbours: of each other, of members and of their own node', async () => {
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

  it('hear what one says to all, and to a group that they joined', async () => {
    await heard(one, '10.144.255.255', [two, three]);
    await heard(two, '239.1.2.3', [one, three], '239.1.2.3');
  });

  it('hear nothing that is for others, also for one that is gone', async () => {
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

  it('are so by a second network too, beside a routed one, which end in any order', async () => {
    const networks = [
      ['pods', 'eth0'],
      ['flat', 'net1'],
    ] as const;
    /** As Multus has it: one container, and one network after the other. */
    const addresses: string[][] = [];
    const both: { runtime: Runtime; pod: Pod }[] = [];
    for (const { runtime } of [a, b]) {
      runtime.configure('pods', '1.1.0', { type: 'evio-cni' });
      runtime.configure('flat', '1.1.0', { type: 'evio-cni', mode: 'flat' });
      const pod = await runtime.pod('both');
      // Of an attempt that failed.
      for (const [network, ifname] of networks) await runtime.tool('del', network, pod, {}, ifname);
      both.push({ runtime, pod });
      const got: string[] = [];
      for (const [network, ifname] of networks) {
        const { ips } = await runtime.add(network, pod, {}, ifname);
        got.push(ips[0]?.address.split('/')[0] ?? '');
      }
      addresses.push(got);
    }
    const [here] = both as [(typeof both)[0]];
    for (const [i, [, ifname]] of networks.entries()) {
      const to = addresses[1]?.[i] ?? '';
      expect(to).toMatch(i === 0 ? /^10\.244\./ : /^10\.144\./);
      expect(await firstPing(here.pod.name, to, 10_000)).toBeDefined();
      const { stdout } = await run(['ip', 'route', 'get', to], { ns: here.pod.name });
      expect(stdout).toContain(` dev ${ifname} src ${addresses[0]?.[i]}`);
    }
    // Other pods and members are the second's neighbours; and what is outside goes by the first.
    expect(await firstPing(here.pod.name, two.ip, 5_000)).toBeDefined();
    const { stdout } = await run(['ip', 'route', 'show', 'default'], { ns: here.pod.name });
    expect(stdout).toMatch(/^default via 10\.244\.\d+\.1 dev eth0 *\n$/);
    // The first goes first on one node, last on the other; what is left goes on.
    for (const [i, { runtime, pod }] of both.entries()) {
      const [first, last] = i === 0 ? networks : ([...networks].reverse() as unknown as typeof networks);
      expect((await runtime.tool('del', first[0], pod, {}, first[1])).status).toBe(0);
      expect((await runtime.tool('check', last[0], pod, {}, last[1])).stderr).toBe('');
      expect((await runtime.tool('del', last[0], pod, {}, last[1])).status).toBe(0);
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toMatch(/eth0|net1/);
      expect((await runtime.leftOvers()).filter((left) => /evio-pods|networks/.test(left))).toEqual([]);
    }
    expect(leases(a)).toEqual([one.ip]);
    expect(leases(b).sort()).toEqual([two.ip, three.ip].sort());
  });

  it('have the address that they ask for, by it or by its MAC, and none that another has', async () => {
    const asks = (runtimeConfig: object): Config => ({ ...config, runtimeConfig }) as Config;
    const [x = 0, y = 0] = a.node.node.ip.split('.').slice(2).map(Number);
    // Far from the node's own, so that no other range has it.
    const ip = `10.144.${(x + 128) % 256}.${y < 128 ? 200 : 20}`;
    const mac = `0a:58:${ip
      .split('.')
      .map((octet) => Number(octet).toString(16).padStart(2, '0'))
      .join(':')}`;
    for (const runtimeConfig of [{ ips: [`${ip}/16`] }, { mac }, { ips: [ip], mac }]) {
      const asking = await add(a, 'asking', asks(runtimeConfig));
      expect(asking).toMatchObject({ ip, mac });
      expect(await firstPing(two.pod.name, ip, 10_000)).toBeDefined();
      // It is of this pod, and of no other of this node or another.
      for (const worker of [a, b]) {
        const second = await worker.runtime.pod('second');
        const refused = await worker.runtime.plugin('ADD', asks({ ips: [ip] }), attached(second));
        expect([refused.status, refused.printed['code']]).toEqual([1, 11]);
        expect(JSON.stringify(refused.printed)).toContain(ip);
      }
      expect((await a.runtime.plugin('DEL', config, attached(asking.pod))).status).toBe(0);
    }
    const outside = await a.runtime.pod('outside');
    for (const runtimeConfig of [
      { ips: ['192.0.2.1'] },
      { mac: '02:00:00:00:00:01' },
      { ips: [ip], mac: one.mac },
    ]) {
      const { status, printed } = await a.runtime.plugin('ADD', asks(runtimeConfig), attached(outside));
      expect([status, printed['code']]).toEqual([1, 7]);
    }
    expect(leases(a)).toEqual([one.ip]);
    expect(leases(b).sort()).toEqual([two.ip, three.ip].sort());
  });

  it.skipIf(!othersToo)(
    'have both networks by Multus itself',
    async () => {
      const { runtime } = a;
      runtime.install(await buildOther('multus'));
      const pod = await runtime.pod('multus');
      const multus = {
        cniVersion: '1.0.0',
        name: 'node',
        type: 'multus',
        cniDir: join(runtime.folder, 'state', 'multus'),
        binDir: join(runtime.folder, 'bin'),
        delegates: [
          { cniVersion: '1.0.0', name: 'pods', plugins: [{ type: 'evio-cni' }] },
          { cniVersion: '1.0.0', name: 'flat', type: 'evio-cni', mode: 'flat' },
        ],
      };
      const { status } = await runtime.plugin('ADD', multus, attached(pod), undefined, 'multus');
      expect(status).toBe(0);
      const { stdout } = await run(['ip', '-4', '-o', 'address'], { ns: pod.name });
      expect(stdout).toMatch(/eth0 +inet 10\.244\.[^]*net1 +inet 10\.144\./);
      expect(await firstPing(pod.name, two.ip, 5_000)).toBeDefined();
      expect((await runtime.plugin('DEL', multus, attached(pod), undefined, 'multus')).status).toBe(0);
      expect(leases(a)).toEqual([one.ip]);
      expect((await runtime.leftOvers()).filter((left) => /evio-pods|networks/.test(left))).toEqual([]);
    },
    20 * 60_000,
  );

  it('do not pass for others', async () => {
    const guard = ['table', 'bridge', 'evio-cni-evio0-pods'];
    const inPod = ({ pod }: Placed, ...argv: string[]) => run(argv, { ns: pod.name, allowFailure: true });
    const { stdout: guarding } = await run(['nft', 'list', ...guard], { ns: b.node.ns });
    const wears = (placed: Placed, mac: string) =>
      inPod(placed, 'ip', 'link', 'set', 'dev', 'eth0', 'address', mac);
    /** Pings as `source` while `meanwhile` runs; was it answered? */
    const poses = async (
      from: Placed,
      source: string,
      count: number,
      meanwhile: () => Promise<unknown> = () => Promise.resolve(),
    ): Promise<boolean> => {
      await inPod(from, 'ip', 'address', 'add', `${source}/32`, 'dev', 'eth0');
      await inPod(from, 'ip', 'neigh', 'replace', one.ip, 'lladdr', one.mac, 'dev', 'eth0');
      const pinging = new LabProcess([
        ...['nsenter', `--net=${from.pod.netns}`],
        ...['ping', `-c${count}`, '-i0.05', '-W1', '-I', source, one.ip],
      ]);
      try {
        await meanwhile();
        if (count < 10) await pinging.exited;
        return pinging.stdout.some((line) => line.includes('bytes from'));
      } finally {
        await pinging.stop();
        await inPod(from, 'ip', 'address', 'delete', `${source}/32`, 'dev', 'eth0');
      }
    };
    const until = async (what: string, holds: () => Promise<boolean>): Promise<void> => {
      const end = performance.now() + 20_000;
      while (!(await holds())) {
        if (performance.now() > end) throw new Error(`not within 20 s: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    };
    try {
      // A pod is stopped at its own port, with another's address and with another's MAC.
      const before = await drops(a.node, 'guard-mac');
      expect(await poses(two, maker.node.ip, 2)).toBe(false);
      expect(await poses(two, three.ip, 2)).toBe(false);
      await wears(two, three.mac);
      expect((await inPod(two, 'ping', '-c1', '-W1', one.ip)).status).not.toBe(0);
      await wears(two, two.mac);
      expect(await drops(a.node, 'guard-mac')).toBe(before);
      // A node that lets them is refused by the members: what it says of a pod that is not its own.
      await run(['nft', 'delete', ...guard], { ns: b.node.ns });
      await wears(three, one.mac.replace(/..$/, 'fe'));
      await until('another MAC is refused', async () => {
        await inPod(three, 'ping', '-c1', '-W1', one.ip);
        return (await drops(a.node, 'guard-mac')) > before;
      });
      await wears(three, three.mac);
      const lies = await drops(a.node, 'guard-ip');
      // It is named once it has done so more often than by accident: twenty times in ten seconds.
      const answered = await poses(two, maker.node.ip, 600, () =>
        until('the node is named', async () => {
          const { anomalies } = await a.node.node.json<{ anomalies: { name: string }[] }>(['status']);
          return anomalies.some(({ name }) => name === b.node.node.name);
        }),
      );
      expect(answered).toBe(false);
      expect(await drops(a.node, 'guard-ip')).toBeGreaterThan(lies);
    } finally {
      for (const placed of [two, three]) await wears(placed, placed.mac);
      await run(['nft', '-f', '-'], {
        ns: b.node.ns,
        input: `add ${guard.join(' ')}\ndelete ${guard.join(' ')}\n${guarding}`,
      });
    }
  });

  it('live through the end and the restart of their node', async () => {
    b.node.node.process?.kill('SIGKILL');
    await b.node.node.process?.exited;
    // Those of one node still have each other.
    expect((await ping(two.pod.name, three.ip, { count: 1 })).received).toBe(1);
    b.node.node.launch(['node']);
    await b.node.node.up();
    expect(await firstPing(one.pod.name, two.ip, 15_000)).toBeDefined();
    expect(await firstPing(three.pod.name, one.ip, 5_000)).toBeDefined();
  });

  it('are not given an address that a member has', async () => {
    const [range = ''] = (await ranges()).filter((cidr) => {
      const [base = ''] = cidr.split('/');
      return one.ip.startsWith(base.replace(/\d+$/, ''));
    });
    const from = Number(range.split('/')[0]?.split('.')[3]);
    const taken = new Set(leases(a));
    const prefix = one.ip.replace(/\d+$/, '');
    const next = Array.from({ length: 16 }, (_, i) => `${prefix}${from + i}`).find(
      (ip) => !taken.has(ip) && !ip.endsWith('.0'),
    );
    const late = await net.place({ nat: 'public' });
    late.node.launch(['join', net.token, '--name', late.node.name, '--ip', next ?? '']);
    await late.node.up();
    await reaches(a.node, late, 10_000);
    const four = await add(a, 'four');
    expect(four.ip).not.toBe(next);
    expect(await firstPing(four.pod.name, late.node.ip, 10_000)).toBeDefined();
    expect((await a.runtime.plugin('DEL', config, attached(four.pod))).status).toBe(0);
  });

  it('are as they were made, or CHECK says what is missing', async () => {
    const { printed } = await b.runtime.plugin('DEL', config, attached(two.pod));
    expect(printed).toEqual({});
    const added = await b.runtime.plugin('ADD', config, attached(two.pod));
    const checked = { ...config, prevResult: added.printed };
    expect((await b.runtime.plugin('CHECK', checked, attached(two.pod))).printed).toEqual({});
    await run(['ip', 'link', 'set', 'eth0', 'down'], { ns: two.pod.name });
    expect((await b.runtime.plugin('CHECK', checked, attached(two.pod))).printed).toMatchObject({
      code: 102,
    });
    await run(['ip', 'link', 'set', 'eth0', 'up'], { ns: two.pod.name });
    expect((await b.runtime.plugin('STATUS', config, {})).status).toBe(0);
    expect((await b.runtime.plugin('ADD', config, attached(two.pod))).printed).toMatchObject({ code: 101 });
  });

  it('are not connected while the disk is full, and leave nothing', async () => {
    const pod = await a.runtime.pod('squeezed');
    const folder = join(a.node.node.home, 'pods');
    const before = leases(a);
    await run([
      'sh',
      '-c',
      `mount -t tmpfs -o size=8k,mode=700 none ${folder} && head -c 99999 /dev/zero > ${folder}/full || true`,
    ]);
    try {
      const { status, printed } = await a.runtime.plugin('ADD', config, attached(pod));
      expect([status, printed['msg']]).toEqual([
        1,
        expect.stringMatching(/the lease of .* cannot be written: .*no space/),
      ]);
      expect(readdirSync(folder)).toEqual(['full']);
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toContain('eth0');
    } finally {
      await run(['umount', folder]);
    }
    expect(leases(a)).toEqual(before);
    // Once there is room, it is.
    expect((await a.runtime.plugin('ADD', config, attached(pod))).status).toBe(0);
    expect((await a.runtime.plugin('DEL', config, attached(pod))).status).toBe(0);
    expect(leases(a)).toEqual(before);
  });

  it('leave nothing, also when their plugin is killed at any instant', async () => {
    const pod = await a.runtime.pod('killed');
    for (let round = 0; round < 12; round++) {
      const kill = { afterMs: Math.random() * 500, everything: round % 2 === 0 };
      await a.runtime.plugin('ADD', config, attached(pod), kill);
      expect((await a.runtime.plugin('DEL', config, attached(pod))).status).toBe(0);
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toContain('eth0');
      expect(leases(a).filter((ip) => ip !== one.ip).length).toBeLessThanOrEqual(1);
    }
    // The one that was not touched still is where it was.
    expect(await firstPing(one.pod.name, two.ip, 5_000)).toBeDefined();
    expect((await a.runtime.plugin('GC', config, {})).status).toBe(0);
    for (const placed of [two, three])
      expect((await b.runtime.plugin('DEL', config, attached(placed.pod))).status).toBe(0);
    for (const { runtime } of [a, b]) expect(await runtime.leftOvers()).toEqual([]);
    expect(leases(b)).toEqual([]);
    for (let i = 0; i < 50 && (await ranges()).length > 0; i++) await new Promise((r) => setTimeout(r, 100));
    expect(await ranges()).toEqual([]);
  });
});
