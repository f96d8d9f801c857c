/** One machine with a real evio node, and pods on it, attached by the CNI project's own `cnitool` and chained plugins. */
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { TestNet, type TestNode } from '../lab/support.js';
import { Runtime, type Pod } from './runtime.js';
import { missing } from './tools.js';

if (missing !== undefined) console.log(missing);

/** The plugin is one file, as it is delivered (bin/evio-cni.cjs). */
const dateOf = (name: string): number =>
  statSync(join(import.meta.dirname, '../../dist', name), { throwIfNoEntry: false })?.mtimeMs ?? NaN;
const oneFile = dateOf('program/cni.cjs') >= dateOf('cni/main.js');

const ranges = [[{ subnet: '10.244.1.0/24' }], [{ subnet: 'fd44:1::/64' }]];
const evio = { type: 'evio-cni', ranges };
const alone = { cniVersion: '1.1.0', name: 'pods', ...evio };

describe.skipIf(missing !== undefined)('the CNI plugin', () => {
  let net: TestNet;
  let node: TestNode;
  let runtime: Runtime;
  let pods: Pod[];

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' }, { init: ['--mtu', '1300'] });
    [node] = net.nodes as [TestNode];
    runtime = await Runtime.on({ ns: node.ns, home: node.node.home });
    pods = [await runtime.pod('a'), await runtime.pod('b')];
  }, 300_000);
  afterAll(async () => {
    await runtime?.destroy();
    await net?.destroy();
  });
  afterEach(async () => {
    for (const pod of pods) await runtime.tool('del', 'pods', pod);
    expect(await runtime.leftOvers()).toEqual([]);
  });

  const attached = (pod: Pod, ifname = 'eth0', containerId = pod.name): NodeJS.ProcessEnv => ({
    CNI_CONTAINERID: containerId,
    CNI_NETNS: pod.netns,
    CNI_IFNAME: ifname,
  });
  const pinged = async (from: Pod | string, to: string): Promise<boolean> => {
    const ns = typeof from === 'string' ? from : from.name;
    return (await run(['ping', '-c1', '-W2', to], { ns, allowFailure: true })).status === 0;
  };

  it.each(['0.3.1', '0.4.0', '1.0.0', '1.1.0'])(
    'attaches, checks and detaches in version %s',
    async (version) => {
      const [pod] = pods as [Pod];
      runtime.configure('pods', version, evio, { type: 'tuning', sysctl: { 'net.core.somaxconn': '500' } });
      const result = await runtime.add('pods', pod);
      expect(result.cniVersion).toBe(version);
      expect(result.ips.map(({ address }) => address.replace(/[0-9a-f]+\//, 'N/'))).toEqual([
        '10.244.1.N/24',
        'fd44:1::N/64',
      ]);
      expect(result.ips.map(({ version }) => version)).toEqual(
        version.startsWith('0.') ? ['4', '6'] : [undefined, undefined],
      );
      const [own] = result.ips;
      expect(result.interfaces[own?.interface ?? 0]).toMatchObject({ name: 'eth0', sandbox: pod.netns });
      expect(result.interfaces.map(({ mtu }) => mtu)).toEqual(
        version === '1.1.0' ? [1300, 1300, 1300] : [undefined, undefined, undefined],
      );
      expect(result.routes.map(({ dst }) => dst)).toEqual(['0.0.0.0/0', '::/0']);
      // Longer super-frames than evio's interface takes would be cut into packets on their way through the node.
      const sizes = async (ns: string, name: string): Promise<string[]> => {
        const { stdout } = await run(['ip', '-details', 'link', 'show', name], { ns });
        return stdout.match(/(?<= )(mtu|gso_max_size) \d+/g) ?? [];
      };
      expect(await sizes(pod.name, 'eth0')).toEqual(await sizes(node.ns, 'evio0'));
      expect(await sizes(pod.name, 'eth0')).toContain('mtu 1300');
      expect(await pinged(pod, '10.244.1.1')).toBe(true);
      expect(await pinged(pod, 'fd44:1::1')).toBe(true);
      if (version !== '0.3.1') expect((await runtime.tool('check', 'pods', pod)).status).toBe(0);
      expect((await runtime.tool('del', 'pods', pod)).status).toBe(0);
      expect((await runtime.tool('del', 'pods', pod)).status).toBe(0);
    },
  );

  it('is the first of a chain with portmap, bandwidth and tuning', async () => {
    const [server, client] = pods as [Pod, Pod];
    runtime.configure(
      'pods',
      '1.1.0',
      evio,
      { type: 'portmap', backend: 'nftables', capabilities: { portMappings: true } },
      { type: 'bandwidth', capabilities: { bandwidth: true } },
      { type: 'tuning', sysctl: { 'net.ipv4.tcp_keepalive_time': '77' } },
    );
    const result = await runtime.add('pods', server, {
      portMappings: [{ hostPort: 8088, containerPort: 80, protocol: 'tcp' }],
      bandwidth: {
        ingressRate: 8_000_000,
        ingressBurst: 8_000_000,
        egressRate: 8_000_000,
        egressBurst: 8_000_000,
      },
    });
    await runtime.add('pods', client);
    expect(
      (await run(['sysctl', '-n', 'net.ipv4.tcp_keepalive_time'], { ns: server.name })).stdout.trim(),
    ).toBe('77');
    const [, port] = result.interfaces;
    expect((await run(['tc', 'qdisc', 'show', 'dev', port?.name ?? ''], { ns: node.ns })).stdout).toContain(
      'tbf',
    );
    const said = `require('net').createServer(s=>s.end(s.remoteAddress)).listen(80,'0.0.0.0')`;
    const listener = run([process.execPath, '-e', said], { ns: server.name, timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    const ask = async (ns: string, to: string, at: number): Promise<string> => {
      const asks = `require('net').connect(${at},'${to}').on('data',d=>process.stdout.write(d)).on('error',()=>0)`;
      for (let tries = 0; tries < 20; tries++) {
        const { stdout } = await run([process.execPath, '-e', asks], { ns, timeoutMs: 5_000 });
        if (stdout !== '') return stdout;
        await sleep(200);
      }
      return 'nobody';
    };
    const own = (await run(['ip', '-4', '-o', 'addr', 'show', 'eth0'], { ns: client.name })).stdout;
    // From pod to pod with the pod's own address.
    const [ip] = result.ips;
    expect(own).toContain(await ask(client.name, ip?.address.split('/')[0] ?? '', 80));
    // From outside, by the port of the node that portmap opened.
    const outside = await net.rig.lab.publicHost('outside');
    expect(await ask(outside.ns, node.site.host.v4 ?? '', 8088)).toBe(outside.v4);
    for (const pid of (await run(['ip', 'netns', 'pids', server.name])).stdout.split('\n')) {
      if (pid !== '') process.kill(Number(pid));
    }
    await listener;
    // Towards the outside with the node's.
    const back = run([process.execPath, '-e', said], { ns: outside.ns, timeoutMs: 20_000 }).catch(
      () => undefined,
    );
    expect(await ask(client.name, outside.v4 ?? '', 80)).toBe(node.site.host.v4);
    for (const pid of (await run(['ip', 'netns', 'pids', outside.ns])).stdout.split('\n')) {
      if (pid !== '') process.kill(Number(pid));
    }
    await back;
  });

  it('says what it cannot do by the codes of the specification', async () => {
    const [pod] = pods as [Pod];
    const code = async (
      command: string,
      config: Record<string, unknown> | string,
      env = {},
    ): Promise<unknown> => {
      const { status, printed } = await runtime.plugin(command, config, { ...attached(pod), ...env });
      expect(status).toBe(1);
      expect(printed['msg']).toMatch(/./);
      return printed['code'];
    };
    expect(await code('ADD', { ...alone, cniVersion: '2.0.0' })).toBe(1);
    expect(await code('GC', { ...alone, cniVersion: '1.0.0' })).toBe(1);
    expect(await code('ADD', { ...alone, mode: 'bridge' })).toBe(2);
    expect(await code('ADD', { ...alone, mode: 'flat' })).toBe(2);
    expect(await code('DANCE', alone)).toBe(4);
    expect(await code('ADD', alone, { CNI_CONTAINERID: '../x' })).toBe(4);
    expect(await code('ADD', alone, { CNI_IFNAME: 'a b' })).toBe(4);
    expect(await code('ADD', alone, { CNI_NETNS: '/run/netns/nowhere' })).toBe(4);
    expect(await code('ADD', '{"cniVersion"')).toBe(6);
    expect(await code('ADD', '[]')).toBe(6);
    expect(await code('ADD', { ...alone, bridge: 'a/b' })).toBe(7);
    expect(await code('ADD', { ...alone, ranges: undefined, ipam: { type: 'nowhere' } })).toBe(7);
    expect(await code('CHECK', alone)).toBe(7);
    expect(await code('ADD', { ...alone, device: 'evio7' })).toBe(11);
    const { printed } = await runtime.plugin('VERSION', { cniVersion: '0.4.0' }, {});
    expect(printed).toEqual({ cniVersion: '0.4.0', supportedVersions: ['0.3.1', '0.4.0', '1.0.0', '1.1.0'] });
  });

  it('does not attach twice, and a refused second time undoes nothing', async () => {
    const [pod] = pods as [Pod];
    expect((await runtime.plugin('ADD', alone, attached(pod))).status).toBe(0);
    expect((await runtime.plugin('ADD', alone, attached(pod))).printed).toMatchObject({ code: 101 });
    // Another container's interface of the same name is there.
    expect((await runtime.plugin('ADD', alone, attached(pod, 'eth0', 'other'))).printed).toMatchObject({
      code: 101,
    });
    expect(await pinged(pod, '10.244.1.1')).toBe(true);
    expect((await runtime.plugin('DEL', alone, attached(pod, 'eth0', 'other'))).status).toBe(0);
    expect(await pinged(pod, '10.244.1.1')).toBe(true);
    // A second interface of the same container has no default route of its own, and goes alone.
    expect((await runtime.plugin('ADD', alone, attached(pod, 'eth1'))).printed).toMatchObject({ routes: [] });
    expect((await runtime.plugin('DEL', alone, attached(pod, 'eth1'))).status).toBe(0);
    expect(await pinged(pod, '10.244.1.1')).toBe(true);
    expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
  });

  it('detaches a pod whose namespace is gone, or was never there', async () => {
    const pod = await runtime.pod('gone');
    expect((await runtime.plugin('ADD', alone, attached(pod))).status).toBe(0);
    await runtime.remove(pod);
    expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
    expect((await runtime.plugin('DEL', alone, { ...attached(pod), CNI_NETNS: '' })).status).toBe(0);
  });

  it('lets a pod send as itself only', async () => {
    const [victim, rogue] = pods as [Pod, Pod];
    for (const pod of [victim, rogue])
      expect((await runtime.plugin('ADD', alone, attached(pod))).status).toBe(0);
    const own = async (pod: Pod): Promise<{ ip: string; mac: string }> => {
      const { stdout } = await run(['ip', '-json', '-4', 'address', 'show', 'eth0'], { ns: pod.name });
      const [link] = JSON.parse(stdout) as { address?: string; addr_info: { local: string }[] }[];
      const mac = (await run(['cat', '/sys/class/net/eth0/address'], { ns: pod.name })).stdout.trim();
      return { ip: link?.addr_info[0]?.local ?? '', mac };
    };
    const [good, bad] = [await own(victim), await own(rogue)];
    expect(await pinged(rogue, good.ip)).toBe(true);
    // Another pod's MAC, and so its traffic.
    await run(['ip', 'link', 'set', 'eth0', 'address', good.mac], { ns: rogue.name });
    expect(await pinged(rogue, '10.244.1.1')).toBe(false);
    await run(['ip', 'link', 'set', 'eth0', 'address', bad.mac], { ns: rogue.name });
    expect(await pinged(rogue, '10.244.1.1')).toBe(true);
    // ARP: a claim to another's address is not heard, and the neighbours keep what they knew.
    const known = async (): Promise<string> =>
      (await run(['ip', 'neighbour', 'show', good.ip], { ns: node.ns })).stdout;
    await pinged(node.ns, good.ip);
    expect(await known()).toContain(good.mac);
    await run(['ip', 'address', 'add', `${good.ip}/32`, 'dev', 'eth0'], { ns: rogue.name });
    await run(['ip', 'neighbour', 'flush', 'all'], { ns: rogue.name });
    await run(['ping', '-c1', '-W1', '-I', good.ip, '10.244.1.1'], { ns: rogue.name, allowFailure: true });
    expect(await known()).not.toContain(bad.mac);
    for (const pod of [victim, rogue])
      expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
    // Without the guard it may, as a router in a pod has to.
    const open = { ...alone, guard: false };
    expect((await runtime.plugin('ADD', open, attached(rogue))).status).toBe(0);
    await run(['ip', 'address', 'add', '10.244.1.200/32', 'dev', 'eth0'], { ns: rogue.name });
    expect(
      (
        await run(['ping', '-c1', '-W1', '-I', '10.244.1.200', '10.244.1.1'], {
          ns: rogue.name,
          allowFailure: true,
        })
      ).status,
    ).toBe(0);
    expect((await runtime.plugin('DEL', open, attached(rogue))).status).toBe(0);
  });

  it('lets a pod hear nothing that is for others, also for one that is gone', async () => {
    const [speaks, listens] = pods as [Pod, Pod];
    const gone = await runtime.pod('gone');
    const ips: string[] = [];
    for (const pod of [speaks, listens, gone]) {
      // Of an attempt that failed.
      await runtime.plugin('DEL', alone, attached(pod));
      const { status, printed } = await runtime.plugin('ADD', alone, attached(pod));
      expect(status).toBe(0);
      ips.push((printed['ips'] as { address: string }[])[0]?.address.split('/')[0] ?? '');
    }
    const to = ips[2] ?? '';
    expect(await pinged(speaks, to)).toBe(true);
    expect(await pinged(node.ns, to)).toBe(true);
    const many = ['-c10', '-i0.02', '-W1'];
    const { frames, others } = await runtime.overheard(listens, async () => {
      for (const ns of [speaks.name, node.ns]) await run(['ping', ...many, to], { ns });
      expect((await runtime.plugin('DEL', alone, attached(gone))).status).toBe(0);
      // Whoever knew it goes on for a while.
      for (const ns of [speaks.name, node.ns]) await run(['ping', ...many, to], { ns, allowFailure: true });
      await run(['ping', ...many, ips[1] ?? ''], { ns: node.ns });
    });
    expect(frames).toBeGreaterThanOrEqual(5);
    expect(others).toEqual({});
    for (const pod of [speaks, listens])
      expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
    await runtime.remove(gone);
  });

  it('names what a broken attachment lacks', async () => {
    const [pod] = pods as [Pod];
    runtime.configure('pods', '1.1.0', evio);
    // One after the other, the last that CHECK looks at first: each is named before what was harmed earlier.
    const cases: [string, readonly string[], RegExp][] = [
      [pod.name, ['ip', 'route', 'delete', 'default'], /the pod lacks a route/],
      [pod.name, ['ip', 'addr', 'flush', 'dev', 'eth0', 'scope', 'global'], /the pod lacks the address/],
      [node.ns, ['nft', 'delete', 'table', 'bridge', 'evio-cni-evio-pods'], /nft failed.*list chain bridge/s],
      [node.ns, ['nft', 'delete', 'table', 'inet', 'evio-cni-evio-pods'], /nft failed.*list chain inet/s],
      [
        node.ns,
        ['ip', 'addr', 'delete', '10.244.1.1/24', 'dev', 'evio-pods'],
        /bridge evio-pods lacks the address/,
      ],
    ];
    await runtime.add('pods', pod);
    expect((await runtime.tool('check', 'pods', pod)).status).toBe(0);
    for (const [ns, harm, wanted] of cases) {
      await run(harm, { ns });
      expect((await runtime.tool('check', 'pods', pod)).stderr).toMatch(wanted);
    }
    expect((await runtime.tool('del', 'pods', pod)).status).toBe(0);
  });

  it('has rules that all pods share written again by the next, whatever of them somebody took away', async () => {
    const [stays, comes] = pods as [Pod, Pod];
    expect((await runtime.plugin('ADD', alone, attached(stays))).status).toBe(0);
    const rules = async (): Promise<string> => {
      const parts = [
        'chain bridge evio-cni-evio-pods from-pod',
        'chain inet evio-cni-evio-pods outward',
        'set inet evio-cni-evio-pods pods4',
      ];
      const lists = await Promise.all(
        parts.map((part) => run(['nft', 'list', ...part.split(' ')], { ns: node.ns })),
      );
      return lists.map(({ stdout }) => stdout).join('');
    };
    const whole = await rules();
    expect(whole).toMatch(/vmap @ports.*masquerade.*masquerade.*10\.244\./s);
    for (const harm of [
      'chain bridge evio-cni-evio-pods from-pod',
      'chain inet evio-cni-evio-pods outward',
      'set inet evio-cni-evio-pods pods4',
    ]) {
      await run(['nft', 'flush', ...harm.split(' ')], { ns: node.ns });
      expect(await rules()).not.toBe(whole);
      expect((await runtime.plugin('ADD', alone, attached(comes))).status).toBe(0);
      expect(await rules()).toBe(whole);
      expect((await runtime.plugin('DEL', alone, attached(comes))).status).toBe(0);
    }
    expect((await runtime.plugin('DEL', alone, attached(stays))).status).toBe(0);
  });

  it('collects what the runtime has forgotten, and nothing else', async () => {
    const [kept, forgotten] = pods as [Pod, Pod];
    for (const pod of [kept, forgotten])
      expect((await runtime.plugin('ADD', alone, attached(pod))).status).toBe(0);
    await run(['ip', 'link', 'add', 'mine', 'type', 'bridge'], { ns: node.ns });
    const valid = { 'cni.dev/valid-attachments': [{ containerID: kept.name, ifname: 'eth0' }] };
    expect((await runtime.plugin('GC', { ...alone, ...valid }, {})).status).toBe(0);
    expect(await pinged(kept, '10.244.1.1')).toBe(true);
    expect((await run(['ip', '-o', 'link'], { ns: forgotten.name })).stdout).not.toContain('eth0');
    const vanished = await runtime.pod('vanished');
    expect((await runtime.plugin('ADD', alone, attached(vanished))).status).toBe(0);
    await runtime.remove(vanished);
    expect((await runtime.plugin('GC', { ...alone, ...valid }, {})).status).toBe(0);
    const guards = (await run(['nft', 'list', 'table', 'bridge', 'evio-cni-evio-pods'], { ns: node.ns }))
      .stdout;
    expect(guards.match(/chain ev/g)).toHaveLength(1);
    expect((await runtime.leftOvers()).filter((path) => path.includes('networks/'))).toHaveLength(2);
    // A bridge of somebody else is used, and stays.
    const guest = { ...alone, name: 'guest', bridge: 'mine', ranges: [[{ subnet: '10.244.9.0/24' }]] };
    expect((await runtime.plugin('ADD', guest, attached(forgotten))).status).toBe(0);
    expect((await runtime.plugin('GC', guest, {})).status).toBe(0);
    await run(['ip', 'link', 'delete', 'mine'], { ns: node.ns });
    runtime.configure('pods', '1.1.0', evio);
    expect((await runtime.tool('gc', 'pods', kept)).status).toBe(0);
  });

  it('works with an older IPAM plugin', async () => {
    const [pod] = pods as [Pod];
    const env = { ...attached(pod), CNI_PATH: runtime.old };
    const { status, printed } = await runtime.plugin('ADD', alone, env);
    expect([status, printed['cniVersion']]).toEqual([0, '1.1.0']);
    expect((await runtime.plugin('STATUS', alone, env)).status).toBe(0);
    expect((await runtime.plugin('DEL', alone, env)).status).toBe(0);
  });

  it('gives pods no range that is one of the machine, or of the network, and names it', async () => {
    const [pod] = pods as [Pod];
    const add = async (config: Record<string, unknown>): Promise<string> => {
      const { status, printed } = await runtime.plugin('ADD', config, attached(pod));
      expect([status, printed['code']]).toEqual([1, 7]);
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toContain('eth0');
      expect(await runtime.leftOvers()).toEqual([]);
      return JSON.stringify(printed);
    };
    const within = (subnet: string): Record<string, unknown> => ({ ...alone, ranges: [[{ subnet }]] });
    expect(await add(within('10.144.7.0/24'))).toMatch(/overlaps 10\.144\.\d+\.\d+\/16 .* evio0/);
    expect(await add({ ...alone, ranges: undefined, pool: '10.144.0.0/16' })).toContain('10.144.0.0/16');
    try {
      await run(['ip', 'link', 'add', 'cni0', 'type', 'bridge'], { ns: node.ns });
      await run(['ip', 'address', 'add', '10.244.1.1/16', 'dev', 'cni0'], { ns: node.ns });
      await run(['ip', 'address', 'add', 'fd44:1::1/48', 'dev', 'cni0'], { ns: node.ns });
      const left = async (config: Record<string, unknown>): Promise<string> => {
        const { status, printed } = await runtime.plugin('ADD', config, attached(pod));
        expect([status, printed['code']]).toEqual([1, 7]);
        return JSON.stringify(printed);
      };
      expect(await left(alone)).toMatch(/overlaps 10\.244\.1\.1\/16 .* cni0/);
      expect(await left(within('fd44:1:0:7::/64'))).toMatch(/overlaps fd44:1::1\/48 .* cni0/);
      expect(await left({ ...alone, ranges: undefined })).toMatch(
        /10\.244\.0\.0\/16.*cni0: 10\.244\.1\.1\/16/,
      );
    } finally {
      await run(['ip', 'link', 'delete', 'cni0'], { ns: node.ns });
    }
  });

  it('leaves nothing when the disk is full', async () => {
    const [pod] = pods as [Pod];
    const full = join(runtime.folder, 'full');
    await run(['sh', '-c', `mkdir ${full} && mount -t tmpfs -o nr_inodes=4 none ${full}`]);
    try {
      const config = { ...alone, ranges: undefined, ipam: { type: 'host-local', ranges, dataDir: full } };
      const { status, printed } = await runtime.plugin('ADD', config, attached(pod));
      expect(status).toBe(1);
      expect(printed['msg']).toContain('host-local');
      expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toContain('eth0');
      expect(readdirSync(full).filter((name) => /^[0-9]/.test(name))).toEqual([]);
    } finally {
      await run(['umount', full]);
    }
  });

  it('leaves nothing of pods whose plugin is killed at any instant', async () => {
    const begun = performance.now();
    const [pod] = pods as [Pod];
    await runtime.plugin('ADD', alone, attached(pod));
    const wholeMs = performance.now() - begun;
    await runtime.plugin('DEL', alone, attached(pod));
    for (let round = 0; round < Number(process.env['EVIO_TEST_KILLS'] ?? 50) / 2; round++) {
      await Promise.all(
        pods.map(async (pod, i) => {
          const command = (round + i) % 3 === 0 ? 'DEL' : 'ADD';
          if (command === 'DEL') await runtime.plugin('ADD', alone, attached(pod));
          const kill = { afterMs: Math.random() * wholeMs * 1.2, everything: false };
          await runtime.plugin(command, alone, attached(pod), kill);
          expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
          expect((await run(['ip', '-o', 'link'], { ns: pod.name })).stdout).not.toContain('eth0');
        }),
      );
      expect(await runtime.leftOvers()).toEqual([]);
    }
    // With all that it started: what is half done is found by GC.
    for (const pod of pods)
      await runtime.plugin('ADD', alone, attached(pod), {
        afterMs: Math.random() * wholeMs,
        everything: true,
      });
    expect((await runtime.plugin('GC', alone, {})).status).toBe(0);
  }, 300_000);

  it('takes a bridge away that a plugin made which was killed before it had marked it', async () => {
    const [pod] = pods as [Pod];
    const half = ['ip', 'link', 'add', 'evio-pods', 'address', '0a:58:0a:f4:01:01', 'type', 'bridge'];
    await run(half, { ns: node.ns });
    expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
    expect(await runtime.leftOvers()).toEqual([]);
    await run(half, { ns: node.ns });
    expect((await runtime.plugin('ADD', alone, attached(pod))).status).toBe(0);
    expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
    expect(await runtime.leftOvers()).toEqual([]);
  });

  it.skipIf(!oneFile)('takes no compiled code but what is whole and of its own text', async () => {
    const [pod] = pods as [Pod];
    const comesAndGoes = async (): Promise<void> => {
      expect(await runtime.plugin('ADD', alone, attached(pod))).toMatchObject({ status: 0 });
      expect((await runtime.plugin('DEL', alone, attached(pod))).status).toBe(0);
    };
    const path = join(node.node.home, 'cache/cni');
    await comesAndGoes();
    const whole = readFileSync(path);
    const [code, hash] = [whole.subarray(0, -64), whole.subarray(-64)];
    const broken = [
      Buffer.alloc(0),
      Buffer.alloc(whole.length),
      Buffer.concat([code.subarray(0, 9_000), hash]),
      Buffer.concat([code, Buffer.alloc(64, '0')]),
    ];
    for (const kept of broken) {
      writeFileSync(path, kept);
      await comesAndGoes();
      expect(readFileSync(path).subarray(-64)).toEqual(hash);
      expect(statSync(path).size).toBeGreaterThan(code.length / 2);
    }
    expect(readdirSync(join(node.node.home, 'cache')).filter((name) => name !== 'cni')).toEqual([]);
  });

  // Last: it ends the node.
  it('waits for the node, and pods that are there stay', async () => {
    const [pod, late] = pods as [Pod, Pod];
    const minimal = { ...alone };
    expect((await runtime.plugin('STATUS', minimal, {})).status).toBe(0);
    expect((await runtime.plugin('ADD', minimal, attached(pod))).status).toBe(0);
    await node.node.stop();
    expect((await runtime.plugin('STATUS', minimal, {})).printed).toMatchObject({ code: 51 });
    expect((await runtime.plugin('ADD', minimal, attached(late))).printed).toMatchObject({ code: 11 });
    expect(await pinged(pod, '10.244.1.1')).toBe(true);
    expect((await runtime.plugin('DEL', minimal, attached(late))).status).toBe(0);
    expect((await runtime.plugin('DEL', minimal, attached(pod))).status).toBe(0);
  });
});
