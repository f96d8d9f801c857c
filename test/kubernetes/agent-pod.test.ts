/**
 * The agent as it is delivered: the image that `npm run build:oci` makes, imported into containerd, and what `evio kube manifest`
 * prints, applied. The plugin that pods are connected by is the one that the image's init container installs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { Cluster, pool } from './cluster.js';
import type { Machine } from './machine.js';
import { missing } from './tools.js';
import { policy, web } from './workloads.js';

if (missing !== undefined) console.log(missing);

const root = join(import.meta.dirname, '../..');
const image = 'docker.io/library/evio:0.1.0';
const agents = ['-n', 'kube-system', '-l', 'app.kubernetes.io/name=evio'];
const daemonSet = ['-n', 'kube-system', 'daemonset/evio'];

/** Where the agents' pods find the home of their machine: at one path on all of them. */
async function bindHome(machine: Machine): Promise<void> {
  const bind = `mkdir -p /var/lib/evio && mount --bind '${machine.place.node.home}' /var/lib/evio`;
  await machine.on(['sh', '-c', bind]);
}

describe.skipIf(missing !== undefined)('the agent as a pod', () => {
  let cluster: Cluster;
  let a: Machine;
  let b: Machine;
  let folder: string;
  const pods = new Map<Machine, string>();

  /** What all agents, and the containers that installed the plugin, have printed. */
  const logs = async (): Promise<string> => {
    const said = ['logs', ...agents, '--all-containers', '--prefix', '--tail=-1', '--max-log-requests=20'];
    return (await cluster.kubectl(said)).stdout;
  };
  const why = async (): Promise<string> => {
    const { stdout } = await cluster.kubectl(['-n', 'kube-system', 'describe', 'pods'], {
      allowFailure: true,
    });
    return `${stdout.slice(-4_000)}\n${await logs().catch(String)}`;
  };
  /** The rights of the manifest are enough. */
  const expectNoRefusal = async (): Promise<void> => {
    const said = await logs();
    expect(said).toContain('"ready"');
    expect(said).not.toMatch(/forbidden|\b403\b|"warning"/i);
  };
  const rolledOut = async (): Promise<void> => {
    const { status, stderr } = await cluster.kubectl(['rollout', 'status', ...daemonSet, '--timeout=120s'], {
      allowFailure: true,
      timeoutMs: 130_000,
    });
    if (status !== 0) throw new Error(`${stderr}\n${await why()}`);
  };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'evio-image-'));
    const file = join(folder, 'evio.tar');
    for (const script of [
      ['scripts/binary/build.mjs', 'x64'],
      ['scripts/oci/build.mjs', `--out=${file}`, 'x64'],
    ])
      await run([process.execPath, ...script], { cwd: root, timeoutMs: 300_000 });
    cluster = await Cluster.create();
    [a, b] = cluster.nodes as [Machine, Machine];
    for (const node of cluster.nodes) {
      await bindHome(node);
      await node.on(['ctr', '-n', 'k8s.io', 'images', 'import', file], { timeoutMs: 120_000 });
      node.kubelet(cluster.pki);
      node.proxy(cluster.pki);
    }
  }, 45 * 60_000);
  afterAll(async () => {
    await cluster?.destroy();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  it('has an image that containerd runs: the program itself, and a relay', async () => {
    const ctr = ['ctr', '-n', 'k8s.io', 'run', '--rm'];
    const { stdout } = await a.on([...ctr, image, 'version', '/usr/bin/evio', 'version', '--json']);
    expect(JSON.parse(stdout)).toMatchObject({ version: '0.1.0', platform: 'linux-x64' });
    const words = ['/usr/bin/evio', 'relay', '--listen', '127.0.0.1:3499', '--json'];
    const relay = a.daemon('relay', [...ctr, '--net-host', image, 'relay', ...words]);
    const line = await relay.line(/"listening"/, 30_000);
    expect(JSON.parse(line)).toMatchObject({ event: 'listening', listen: '127.0.0.1:3499' });
    expect((await a.on(['curl', '-s', '-m', '3', 'http://127.0.0.1:3499/healthz'])).status).toBe(0);
    await relay.stop(5_000);
  }, 120_000);

  it('is ready on every node after the manifest was applied, and the nodes are with it', async () => {
    for (const node of cluster.nodes) await cluster.ready(node, 'False', 60_000);
    const printed = await cluster.control.place.node.cli([
      ...['kube', 'manifest', '--image', image, '--api-server', `https://${cluster.control.ip}:6443`],
      ...['--service-pool', pool, '--network-policy'],
    ]);
    const begun = performance.now();
    await cluster.kubectl(['apply', '-f', '-'], { input: printed.stdout });
    for (const node of cluster.nodes)
      await cluster.ready(node, 'True', 90_000).catch(async (thrown: unknown) => {
        throw new Error(`${String(thrown)}\n${await why()}`);
      });
    console.log(`nodes ready ${Math.round(performance.now() - begun)} ms after the manifest was applied`);
    await rolledOut();
    for (const node of cluster.nodes) {
      const { stdout } = await node.on(['/opt/cni/bin/evio-cni'], { allowFailure: true });
      // Called by nobody it says so, in the words of the specification: it is the plugin, and it runs on the host.
      expect(JSON.parse(stdout)).toMatchObject({ code: 4 });
    }
  }, 240_000);

  it('connects pods of two nodes, which find each other', async () => {
    await cluster.apply(web(a.name), web(b.name));
    const wait = ['wait', '--for=condition=Ready', 'pod', '-l', 'app=web', '--timeout=60s'];
    const { status } = await cluster.kubectl(wait, { timeoutMs: 70_000, allowFailure: true });
    if (status !== 0)
      throw new Error((await cluster.kubectl(['describe', 'pods'])).stdout.slice(-4_000) + (await why()));
    for (const node of [a, b]) pods.set(node, await cluster.path(`pod web-${node.name}`, '{.status.podIP}'));
    for (const [from, to] of [
      [a, b],
      [b, a],
    ] as const) {
      const asks = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 4 ${pods.get(to) ?? ''} 8080 | tail -n 1`;
      const { stdout } = await cluster.kubectl(['exec', `web-${from.name}`, '--', 'sh', '-c', asks]);
      expect(stdout.trim()).toBe(`web-${to.name}`);
    }
  }, 120_000);

  it('has rights enough, and puts NetworkPolicies in force by the nft of its image', async () => {
    const asks = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 ${pods.get(b) ?? ''} 8080 | tail -n 1`;
    const answer = async (): Promise<string> => {
      const { stdout } = await cluster.kubectl(['exec', `web-${a.name}`, '--', 'sh', '-c', asks], {
        allowFailure: true,
      });
      return stdout.trim();
    };
    await cluster.apply(policy('none', { podSelector: { matchLabels: { only: b.name } } }));
    await cluster.until('nobody gets in', 20_000, async () => (await answer()) === '');
    await cluster.kubectl(['delete', 'networkpolicy', 'none']);
    await cluster.until('everybody does', 20_000, async () => (await answer()) !== '');
    await expectNoRefusal();
  }, 120_000);

  it('is replaced on all nodes without a packet of pods lost', async () => {
    const count = 1_200;
    const pings = ['exec', `web-${a.name}`, '--', 'ping', '-i', '0.05', '-c', String(count), '-q'];
    let over = false;
    const stream = cluster
      .kubectl([...pings, pods.get(b) ?? ''], { timeoutMs: 120_000, allowFailure: true })
      .finally(() => {
        over = true;
      });
    const names = async (): Promise<string> =>
      cluster.path(`pods ${agents.join(' ')}`, '{.items[*].metadata.name}');
    const before = await names();
    await cluster.kubectl(['rollout', 'restart', ...daemonSet]);
    await rolledOut();
    expect(over, 'the stream lasts longer than the replacement').toBe(false);
    for (const name of (await names()).split(' ')) expect(before).not.toContain(name);
    const { stdout } = await stream;
    expect(stdout).toContain(`${count} packets transmitted, ${count} packets received`);
    await expectNoRefusal();
  }, 240_000);
});
