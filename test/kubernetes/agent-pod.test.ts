/**
 * The agent as it is delivered: the image that `npm run build:oci` makes, imported into containerd, and what `evio kube manifest`
 * prints, applied. The plugin that pods are connected by is the one that the image's init container installs.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { Cluster, pool } from './cluster.js';
import { bindHome, buildImage, image, kubeCommand, manifest, takeImage } from './delivery.js';
import { kubeletUnit, openForJoin } from './kubeadm.js';
import { Machine } from './machine.js';
import { whole } from './tools.js';
import { policy, web } from './workloads.js';

const agents = ['-n', 'kube-system', '-l', 'app.kubernetes.io/name=evio'];
const daemonSet = ['-n', 'kube-system', 'daemonset/evio'];

describe.skipIf(!whole || inject('noCluster') !== '')('the agent as a pod', () => {
  let cluster: Cluster;
  let a: Machine;
  let b: Machine;
  let folder: string;
  let file: string;
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
    file = join(folder, 'evio.tar');
    await buildImage(file);
    cluster = await Cluster.create();
    [a, b] = cluster.nodes as [Machine, Machine];
    for (const node of cluster.nodes) {
      await bindHome(node);
      await takeImage(node, file);
      node.kubelet(cluster.pki);
      node.proxy(cluster.pki);
    }
  }, 900_000);
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
    const input = await manifest(cluster, ['--service-pool', pool, '--network-policy']);
    const begun = performance.now();
    await cluster.kubectl(['apply', '-f', '-'], { input });
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

  it('comes to a machine that one command made a node, and reset takes that back', async () => {
    const { words, folder: programs } = await openForJoin(cluster);
    const place = await cluster.net.place({ nat: 'endpoint-independent' });
    const machine = new Machine(place, cluster.folder);
    cluster.nodes.push(machine);
    await machine.start();
    await bindHome(machine);
    await machine.runtime();
    await takeImage(machine, file);
    // As a distribution leaves it: the plugins lie elsewhere, and nothing is forwarded.
    await machine.on([
      'sh',
      '-c',
      'rm /opt/cni/bin/*; sysctl -qw net.ipv4.ip_forward=0 net.bridge.bridge-nf-call-iptables=0',
    ]);
    const lineOf = (argv: readonly string[], path = programs): string[] => kubeCommand(machine, argv, path);
    const evio = (argv: readonly string[], path = programs): ReturnType<Machine['on']> =>
      machine.on(lineOf(argv, path), { allowFailure: true, timeoutMs: 120_000 });
    /** What reset has to take back; the names of what is there of it. */
    const left = async (): Promise<string[]> => {
      const folders = ['/etc/cni/net.d', '/opt/cni/bin', '/etc/default', '/etc/kubernetes'];
      const { stdout } = await machine.on(['find', ...folders, '!', '-type', 'd'], { allowFailure: true });
      return stdout.split('\n').filter((path) => /evio|host-local|kubelet|kubernetes/.test(path));
    };
    // Without kubelet and kubeadm nothing is begun.
    const refused = await evio(['init', '--json', 'evio1x', '--', 'kubeadm', ...words], '/nowhere');
    expect(JSON.parse(refused.stdout)).toMatchObject({ error: { code: 'EVIO_KUBE_NODE' } });
    expect(refused.stdout).toMatch(/kubelet is not installed; kubeadm is not installed/);
    const { token } = await cluster.control.place.node.json<{ token: string }>([
      ...['token', 'create', '--right', 'route'],
    ]);
    const dry = await evio(['init', '--dry-run', '--json', token, '--', 'kubeadm', ...words]);
    const { steps } = JSON.parse(dry.stdout) as { steps: { id: string; state: string }[] };
    const todo = steps.filter(({ state }) => state === 'todo').map(({ id }) => id);
    expect(todo).toEqual(['plugins', 'forwarding', 'br_netfilter', 'network', 'join']);
    const name = machine.name;
    const init = ['init', '--json', token, '--name', name, '--', 'kubeadm', ...words, '--node-name', name];
    const written = async (): Promise<string> => {
      const stat = ['stat', '-c', '%i %z', '/etc/kubernetes/pki/ca.crt'];
      return (await machine.on(stat, { allowFailure: true })).stdout;
    };
    /** Everything is killed once kubeadm has begun to write. */
    const killedMidway = async (): Promise<void> => {
      const before = await written();
      const half = machine.spawn(lineOf(init));
      await cluster.until('kubeadm has begun', 90_000, async () => {
        if (!half.running) throw new Error(`init ended: ${half.tail(30)}`);
        return !['', before].includes(await written());
      });
      const kubeadm = await run(['pgrep', '-P', String(half.pid)], { allowFailure: true });
      for (const pid of [String(half.pid), ...kubeadm.stdout.split('\n').filter(Boolean)])
        await run(['kill', '-KILL', pid], { allowFailure: true });
      await half.exited;
    };
    // What is half done is no obstacle to the next, and is taken back.
    await killedMidway();
    await killedMidway();
    expect(await left()).toContain('/etc/kubernetes/pki/ca.crt');
    const unmade = await evio(['reset', '--json']);
    if (unmade.status !== 0) throw new Error(`${unmade.stderr}${unmade.stdout}`);
    expect(await left()).toEqual([]);
    const unit = kubeletUnit(machine, programs);

    const begun = performance.now();
    const made = await evio(init);
    if (made.status !== 0) throw new Error(`${made.stderr}${made.stdout}\n${unit.tail(30)}`);
    const joinedMs = performance.now() - begun;
    expect(JSON.parse(made.stdout)).toMatchObject({ joined: true, node: { name }, next: null });
    await cluster.ready(machine, 'True', 90_000).catch(async (thrown: unknown) => {
      throw new Error(`${String(thrown)}\n${unit.tail(30)}\n${await why()}`);
    });
    const readyMs = performance.now() - begun;
    console.log(
      `evio kube init took ${Math.round(joinedMs)} ms; ready ${Math.round(readyMs)} ms after its start`,
    );
    const { ip } = (JSON.parse(made.stdout) as { node: { ip: string } }).node;
    expect(await cluster.path(`node ${name}`, '{.status.addresses[?(@.type=="InternalIP")].address}')).toBe(
      ip,
    );
    await cluster.apply(web(name));
    await cluster.kubectl(['wait', '--for=condition=Ready', `pod/web-${name}`, '--timeout=60s'], {
      timeoutMs: 70_000,
    });
    const podIp = await cluster.path(`pod web-${name}`, '{.status.podIP}');
    const asks = `printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 4 ${podIp} 8080 | tail -n 1`;
    const { stdout } = await cluster.kubectl(['exec', `web-${a.name}`, '--', 'sh', '-c', asks]);
    expect(stdout.trim()).toBe(`web-${name}`);

    // Again: nothing is left to be done.
    const again = await evio(init);
    expect([again.status, JSON.parse(again.stdout)]).toMatchObject([0, { joined: true, node: { ip } }]);
    await unit.stop(5_000);
    const range = await cluster.path(`node ${name}`, '{.spec.podCIDR}');
    const ranges = async (): Promise<string> =>
      JSON.stringify(await cluster.control.place.node.json(['route', 'list']));
    expect(await ranges()).toContain(range);
    const reset = await evio(['reset', '--json']);
    if (reset.status !== 0) throw new Error(`${reset.stderr}${reset.stdout}`);
    expect(await left()).toEqual([]);
    await cluster.until('its range is free', 10_000, async () => !(await ranges()).includes(range));
  }, 420_000);
});
