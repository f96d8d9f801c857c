/**
 * Pods on nodes behind different NATs, with the shortest configuration: the range of each node is a lease of the network, and
 * pods reach each other by their own addresses.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { firstPing, iperfTcp, ping } from '../../src/lab/measure.js';
import { hostGateway, kernelVxlan, withdrawByHand } from './by-hand.js';
import { reaches, TestNet, type TestNode } from '../lab/support.js';
import { Runtime, type Pod } from './runtime.js';
import { missing } from './tools.js';

if (missing !== undefined) console.log(missing);

const config = { cniVersion: '1.1.0', name: 'pods', type: 'evio-cni' };

interface Worker {
  readonly node: TestNode;
  readonly runtime: Runtime;
  readonly pod: Pod;
  ip: string;
}

function attached({ pod }: Worker): NodeJS.ProcessEnv {
  return { CNI_CONTAINERID: pod.name, CNI_NETNS: pod.netns, CNI_IFNAME: 'eth0' };
}

describe.skipIf(missing !== undefined)('pods of nodes behind NATs', () => {
  let net: TestNet;
  let a: Worker;
  let b: Worker;
  let barred: Worker;

  const join = async (nat: TestNode['site']['kind'], token: string): Promise<Worker> => {
    const node = await net.place({ nat });
    node.node.launch(['join', token, '--name', node.node.name]);
    await node.node.up();
    const runtime = await Runtime.on({ ns: node.ns, home: node.node.home });
    return { node, runtime, pod: await runtime.pod('p'), ip: '' };
  };
  const drops = async (worker: Worker, reason: string): Promise<number> => {
    const { device } = await worker.node.node.json<{ device: { drops: Record<string, number> } }>(['status']);
    return device.drops[reason] ?? 0;
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
    a = await join('endpoint-independent', made.token);
    b = await join('address-and-port-dependent', made.token);
    barred = await join('endpoint-independent', net.token);
    await reaches(a.node, b.node, 10_000);
  });
  afterAll(async () => {
    for (const worker of [a, b, barred]) await worker?.runtime.destroy();
    await net?.destroy();
  });

  it('get ranges of the network, none of them twice', async () => {
    const gateways = new Set<string>();
    for (const worker of [a, b]) {
      const { status, printed } = await worker.runtime.plugin('ADD', config, attached(worker));
      expect([status, printed]).toEqual([0, expect.anything()]);
      const [ip] = printed['ips'] as { address: string; gateway: string }[];
      worker.ip = ip?.address.split('/')[0] ?? '';
      expect(worker.ip).toMatch(/^10\.244\.\d+\.\d+$/);
      gateways.add(ip?.gateway ?? '');
    }
    expect(gateways.size).toBe(2);
  });

  it('reach each other by packets of full length, with their own addresses', async () => {
    expect(await firstPing(a.pod.name, b.ip, 10_000)).toBeDefined();
    expect(await firstPing(b.pod.name, a.ip, 10_000)).toBeDefined();
    const { mtu } = (await a.node.node.json<{ device: { mtu: number } }>(['status'])).device;
    const longest = { count: 2, size: mtu - 28, dontFragment: true };
    expect((await ping(a.pod.name, b.ip, longest)).received).toBe(2);
    // What arrives at the pod bears the address of the pod that sent it.
    const said = `require('net').createServer(s=>{s.end(s.remoteAddress);this.close}).listen(80,'0.0.0.0')`;
    const listener = b.node.site.host.launch([
      'nsenter',
      `--net=${b.pod.netns}`,
      process.execPath,
      '-e',
      said,
    ]);
    const asks = `const go=()=>require('net').connect(80,'${b.ip}').on('data',d=>{process.stdout.write(d);process.exit()}).on('error',()=>setTimeout(go,100));go()`;
    const { stdout } = await run([process.execPath, '-e', asks], { ns: a.pod.name, timeoutMs: 10_000 });
    await listener.stop();
    expect(stdout).toBe(a.ip);
  });

  it('do not pass for others', async () => {
    const pings = async (ns: string, from: string): Promise<boolean> => {
      await run(['ip', 'address', 'add', `${from}/32`, 'dev', 'lo'], { ns });
      const { status } = await run(['ping', '-c1', '-W1', '-I', from, a.ip], { ns, allowFailure: true });
      await run(['ip', 'address', 'delete', `${from}/32`, 'dev', 'lo'], { ns });
      return status === 0;
    };
    const neighbour = b.ip.replace(/\d+$/, '77');
    const foreign = a.ip.replace(/\d+$/, '77');
    // A pod is stopped at its own port, where it is counted.
    expect(await pings(b.pod.name, neighbour)).toBe(false);
    expect(await pings(b.pod.name, foreign)).toBe(false);
    const { stdout } = await run(['nft', 'list', 'table', 'bridge', 'evio-cni-evio-pods'], { ns: b.node.ns });
    expect(stdout).toMatch(/counter packets [2-9] /);
    // What a node itself sends in the name of another node's pods is refused by the members that get it.
    const before = await drops(a, 'guard-ip');
    expect(await pings(b.node.ns, foreign)).toBe(false);
    expect(await drops(a, 'guard-ip')).toBeGreaterThan(before);
    // It is named, also when it is over in an instant.
    await run(['ip', 'address', 'replace', `${foreign}/32`, 'dev', 'lo'], { ns: b.node.ns });
    const burst = ['ping', '-c30', '-i0.005', '-W1', '-I', foreign, a.ip];
    await run(burst, { ns: b.node.ns, allowFailure: true });
    await run(['ip', 'address', 'delete', `${foreign}/32`, 'dev', 'lo'], { ns: b.node.ns });
    const named = async (): Promise<string[]> => {
      const { anomalies } = await a.node.node.json<{ anomalies: { name: string; kind: string }[] }>([
        'status',
      ]);
      return anomalies.map(({ name, kind }) => `${name} ${kind}`);
    };
    await expect.poll(named, { timeout: 10_000, interval: 200 }).toContain(`${b.node.node.name} spoof`);
  });

  it('send super-frames that evio takes whole', async () => {
    const sent = async (): Promise<{ packets: number; bytes: number }> => {
      const { stdout } = await run(['ip', '-json', '-s', 'link', 'show', 'evio0'], { ns: a.node.ns });
      return (JSON.parse(stdout) as { stats64: { tx: { packets: number; bytes: number } } }[])[0]!.stats64.tx;
    };
    const before = await sent();
    await iperfTcp(a.pod.name, b.pod.name, b.ip, { seconds: 1 });
    const after = await sent();
    expect((after.bytes - before.bytes) / (after.packets - before.packets)).toBeGreaterThan(20_000);
  });

  it('live through the end and the restart of their node', async () => {
    a.node.node.process?.kill('SIGKILL');
    await a.node.node.process?.exited;
    // Nothing leaves by another interface meanwhile.
    const { stdout } = await run(['ip', 'route', 'get', b.ip], { ns: a.node.ns, allowFailure: true });
    expect(stdout).not.toContain(' dev ');
    a.node.node.launch(['node']);
    await a.node.node.up();
    expect(await firstPing(a.pod.name, b.ip, 15_000)).toBeDefined();
    expect(await firstPing(b.pod.name, a.ip, 5_000)).toBeDefined();
  });

  it('of other networks reach each other over evio: by routes and by VXLAN, as those of Flannel', async () => {
    await withdrawByHand([a, b]);
    for (const network of [hostGateway, kernelVxlan]) {
      const { from, to, ip } = await network([a, b]);
      expect(await firstPing(from, ip, 10_000)).toBeDefined();
      const answer = await run(['ip', '-4', '-o', 'address', 'show', 'eth0'], { ns: to });
      expect(answer.stdout).toContain(ip);
    }
    await withdrawByHand([a, b]);
  });

  it('are not given a range by a network that gave their node no right', async () => {
    const { status, printed } = await barred.runtime.plugin('ADD', config, attached(barred));
    expect([status, printed['code']]).toEqual([1, 7]);
    expect(JSON.stringify(printed)).toContain('--right route');
    expect((await barred.runtime.plugin('DEL', config, attached(barred))).status).toBe(0);
    expect(await barred.runtime.leftOvers()).toEqual([]);
  });

  it('go without a trace, also when no node runs', async () => {
    await b.node.node.stop();
    for (const worker of [a, b]) {
      expect((await worker.runtime.plugin('DEL', config, attached(worker))).status).toBe(0);
      expect(await worker.runtime.leftOvers()).toEqual([]);
    }
  });
});
