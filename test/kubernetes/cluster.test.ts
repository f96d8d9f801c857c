/**
 * Kubernetes as it is published, over evio: one control plane on a public machine, three nodes behind three NATs (one symmetric,
 * one that blocks UDP). The pod network is what `evio kube` makes of it, with the rights of `evio kube manifest`.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import type { LabProcess } from '../../src/lab/exec.js';
import { run, sleep } from '../../src/lab/exec.js';
import { manifestObjects } from '../../src/kube/manifest.js';
import { Cluster, pool, pool6 } from './cluster.js';
import type { Machine } from './machine.js';
import { familyCases, refusalCases } from './edge-cases.js';
import { faultCases } from './fault-cases.js';
import { placementCases } from './placement-cases.js';
import { podCases } from './pod-cases.js';
import { leeway, toolsFolder, whole } from './tools.js';
import { dns, eager, policy, service, web } from './workloads.js';
import { World } from './world.js';

const options = {
  image: 'docker.io/local/evio:1',
  namespace: 'kube-system',
  apiServer: 'https://10.144.0.1:6443',
  network: undefined,
  pool: `${pool},${pool6}`,
  policy: true,
  home: '/var/lib/evio',
  cniConf: '/etc/cni/net.d',
  cniBin: '/opt/cni/bin',
};

describe.skipIf(inject('noCluster') !== '')('Kubernetes over evio', () => {
  let cluster: Cluster;
  let a: Machine;
  let b: Machine;
  let c: Machine;
  let kubeconfig: string;
  let world: World;
  let pods: Map<Machine, string>;

  const answersOf = (machine: Machine): RegExp =>
    machine === cluster.control ? /./ : new RegExp(`^web-${machine.name}$`);
  const get = (from: Machine, address: string, port: number): Promise<string> =>
    world.get(from, address, port);
  const curl = (from: Machine, url: string): Promise<string> => world.curl(from, url);
  const agentOf = (machine: Machine): LabProcess => world.agentOf(machine);

  beforeAll(async () => {
    cluster = await Cluster.create();
    world = new World(cluster);
    pods = world.pods;
    [a, b, c] = cluster.nodes as [Machine, Machine, Machine];
    await cluster.apply(...manifestObjects(options).filter(({ kind }) => kind !== 'DaemonSet'));
    kubeconfig = world.kubeconfig = await cluster.agentConfig();
    // A member that is no node reaches pods and Services where it accepts their ranges.
    for (const range of ['10.244.0.0/16', pool, pool6])
      await cluster.control.place.node.cli(['route', 'accept', range]);
  }, 600_000);
  afterAll(async () => {
    await cluster?.destroy();
  }, 120_000);

  it('takes the manifest, and Helm makes the same of the chart', async () => {
    const dry = ['apply', '--dry-run=server', '-f', '-'];
    const items = manifestObjects(options);
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    expect((await cluster.kubectl(dry, { input })).stdout).toContain('daemonset.apps/evio');
    const helm = join(toolsFolder, 'bin/helm');
    const chart = join(import.meta.dirname, '../../deploy/helm');
    const values = `image=${options.image},apiServer=${options.apiServer},servicePool=${pool}\\,${pool6},networkPolicy=true`;
    await run([helm, 'lint', chart, '--set', values]);
    const { stdout } = await run([
      helm,
      'template',
      'evio',
      chart,
      '--namespace',
      'kube-system',
      '--set',
      values,
    ]);
    const rendered = parseAllDocuments(stdout).map((document) => document.toJS() as { kind: string });
    const byKind = (x: { kind?: unknown }, y: { kind?: unknown }): number =>
      String(x.kind) < String(y.kind) ? -1 : 1;
    expect([...rendered].sort(byKind)).toEqual([...items].sort(byKind));
    expect((await run([helm, 'lint', chart], { allowFailure: true })).status).not.toBe(0);
  });

  it('has nodes that are ready once the agent runs, and not before', async () => {
    for (const node of cluster.nodes) {
      node.kubelet(cluster.pki);
      node.proxy(cluster.pki);
    }
    for (const node of cluster.nodes) await cluster.ready(node, 'False', 60_000);
    let range = '';
    await cluster.until('the third has a PodCIDR', 20_000, async () => {
      range = await cluster.path(`node ${c.name}`, '{.spec.podCIDR}');
      return range !== '';
    });
    const stolen = range.replace('0/24', '128/25');
    await cluster.control.place.node.cli(['route', 'announce', stolen]);
    const begun = performance.now();
    for (const node of cluster.nodes) {
      await cluster.install(node);
      cluster.agent(node, kubeconfig);
    }
    for (const node of [a, b]) await cluster.ready(node, 'True', 60_000);
    // The third: another member was there first with a part of its range. It is named, and the node waits.
    await agentOf(c).line(/EVIO_SUBNET_TAKEN.*n0/, 20_000);
    await cluster.ready(c, 'False', 5_000);
    await cluster.control.place.node.cli(['route', 'withdraw', stolen]);
    await cluster.ready(c, 'True', 30_000);
    console.log(`nodes ready ${Math.round(performance.now() - begun)} ms after their agents began`);
    const annotation = (key: string): string => `{.metadata.annotations.evio\\.dev/${key}}`;
    await cluster.until('the Node is annotated', 40_000, async () => {
      return (await cluster.path(`node ${c.name}`, annotation('address'))) === c.ip;
    });
    console.log(
      'paths:',
      await Promise.all(cluster.nodes.map(({ name }) => cluster.path(`node ${name}`, annotation('paths')))),
    );
  }, 240_000);

  it('has pods that reach each other by their own addresses, from every node to every node', async () => {
    await cluster.apply(...cluster.nodes.map((node) => web(node.name)), service('web', {}));
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod', '-l', 'app=web', '--timeout=90s'], {
      timeoutMs: 100_000,
    });
    for (const node of cluster.nodes)
      pods.set(node, await cluster.path(`pod web-${node.name}`, '{.status.podIP}'));
    for (const to of cluster.nodes) {
      for (const from of [...cluster.nodes, cluster.control]) {
        const ip = pods.get(to) ?? '';
        const got =
          from === cluster.control ? await curl(from, `http://${ip}:8080/`) : await get(from, ip, 8080);
        expect([from.name, got]).toEqual([from.name, `web-${to.name}`]);
      }
    }
    // The other side sees the pod itself.
    await world.seenBy(b, pods.get(a) ?? '');
  }, 240_000);

  it('has Services: by ClusterIP, NodePort and name; logs and exec work', async () => {
    await cluster.apply(...dns());
    const ip = await cluster.path('service web', '{.spec.clusterIP}');
    const port = await cluster.path('service web', '{.spec.ports[0].nodePort}');
    await cluster.until('the Service answers', 30_000, async () => (await get(c, ip, 80)).startsWith('web-'));
    for (const node of cluster.nodes) {
      const seen = new Set<string>();
      for (let i = 0; i < 40 && seen.size < 3; i++) seen.add(await get(node, ip, 80));
      expect([node.name, [...seen].sort()]).toEqual([
        node.name,
        cluster.nodes.map(({ name }) => `web-${name}`).sort(),
      ]);
      expect(await curl(cluster.control, `http://${node.ip}:${port}/`)).toMatch(/^web-n\d$/);
      expect((await cluster.kubectl(['logs', `web-${node.name}`])).stdout).toContain(`up web-${node.name}`);
    }
    await cluster.kubectl(
      [
        '-n',
        'kube-system',
        'wait',
        '--for=condition=Ready',
        'pod',
        '-l',
        'k8s-app=kube-dns',
        '--timeout=90s',
      ],
      { timeoutMs: 100_000 },
    );
    const asks = ['exec', `web-${c.name}`, '--', 'nslookup', 'web.default.svc.cluster.local'];
    await cluster.until('the name is found', 30_000, async () => {
      const { stdout, stderr } = await cluster.kubectl(asks, { allowFailure: true });
      if (stdout.includes(`Address: ${ip}`)) return true;
      const said = await cluster.kubectl(
        ['-n', 'kube-system', 'logs', '-l', 'k8s-app=kube-dns', '--tail', '5'],
        { allowFailure: true },
      );
      return [stdout, stderr, said.stdout, said.stderr].join('\n');
    });
  }, 240_000);

  familyCases(() => world);
  podCases(() => world);

  it('puts NetworkPolicies in force: between nodes, on one, and before the first packet', async () => {
    await cluster.apply(web(b.name, 'near', { app: 'near', only: b.name }));
    await cluster.kubectl(['wait', '--for=condition=Ready', 'pod/near', '--timeout=60s']);
    const ip = pods.get(b) ?? '';
    const answers = async (): Promise<string> => {
      const asked = await Promise.all([
        ...[`web-${a.name}`, `web-${c.name}`, 'near'].map((pod) => world.ask(pod, ip, 8080, 2)),
        curl(cluster.control, `http://${ip}:8080/`),
      ]);
      return asked.map((answer) => (answer === `web-${b.name}` ? 'y' : 'n')).join('');
    };
    const see = async (wanted: string): Promise<void> => {
      const took = await cluster.until(`who may: ${wanted}`, 20_000, async () => {
        const seen = await answers();
        return seen === wanted ? true : seen;
      });
      console.log(`policy ${wanted} after ${Math.round(took)} ms`);
    };
    await see('yyyy');
    const podSelector = { matchLabels: { only: b.name, app: 'web' } };
    const from = { podSelector: { matchLabels: { only: a.name } } };
    await cluster.apply(
      policy('some', { podSelector, ingress: [{ from: [from], ports: [{ port: 8080 }] }] }),
    );
    await see('ynnn');
    const block = { ipBlock: { cidr: '10.144.0.0/16', except: ['10.144.255.0/24'] } };
    const near = { namespaceSelector: {}, podSelector: { matchLabels: { app: 'near' } } };
    const range = [{ port: 8000, endPort: 8100 }];
    await cluster.apply(policy('more', { podSelector, ingress: [{ from: [block, near], ports: range }] }));
    await see('ynyy');
    // Probes of its own kubelet are never asked.
    expect((await b.on(['curl', '-s', '-m', '3', `http://${ip}:8080/`])).stdout.trim()).toBe(`web-${b.name}`);
    const { stdout } = await b.on(['nft', 'list', 'counters', 'table', 'inet', 'evio-policy']);
    expect(stdout).toMatch(/counter denied-ingress \{\s+packets [1-9]/);
    await cluster.apply(
      policy('quiet', { podSelector: { matchLabels: { quiet: 'yes' } }, policyTypes: ['Egress'] }),
      eager('loud', b.name, pods.get(a) ?? '', { quiet: 'no' }),
      eager('quiet', b.name, pods.get(a) ?? '', { quiet: 'yes' }),
    );
    const said = async (pod: string): Promise<string> =>
      (await cluster.kubectl(['logs', pod], { allowFailure: true })).stdout;
    await cluster.until('one that may is heard', 30_000, async () => (await said('loud')).includes('got'));
    await cluster.until('the other gave up', 90_000, async () => (await said('quiet')).includes('end'));
    expect(await said('quiet')).not.toContain('got');
    await cluster.kubectl(['delete', 'networkpolicy', '--all']);
    await cluster.kubectl(['delete', 'pod', 'near', 'loud', 'quiet', '--wait=false']);
    await cluster.until('all may again', 20_000, async () => (await answers()).startsWith('yy'));
  }, 300_000);

  it('gives Services of type LoadBalancer an address that every member reaches, and that moves with the node that holds it', async () => {
    await cluster.apply(service('shared', { type: 'LoadBalancer' }));
    let ip = '';
    await cluster.until('there is an address', 20_000, async () => {
      ip = await cluster.path('service shared', '{.status.loadBalancer.ingress[0].ip}');
      return ip !== '';
    });
    expect(ip).toMatch(/^10\.145\.0\.\d+$/);
    const url = `http://${ip}/`;
    const took = await cluster.until('the control machine reaches it', 20_000, async () =>
      (await curl(cluster.control, url)).startsWith('web-'),
    );
    console.log(`LoadBalancer answers ${Math.round(took)} ms after it has its address`);
    for (const node of cluster.nodes) expect(await get(node, ip, 80)).toMatch(/^web-n\d$/);

    const { routes } = await cluster.control.place.node.json<{
      routes: { cidr: string; name: string; state: string }[];
    }>(['route', 'list']);
    const holder = cluster.nodes.find(({ name }) =>
      routes.some((route) => route.cidr === `${ip}/32` && route.state === 'active' && route.name === name),
    ) as Machine;
    expect(holder).toBeDefined();
    // Its machine is cut off. Answers that came of other pods count: what is asked is whether the address moved.
    const answers: number[] = [];
    let asking = true;
    const asker = (async () => {
      while (asking) {
        const { status } = await cluster.control.on(
          ['curl', '-s', '-m', '0.6', '-o', '/dev/null', '--connect-timeout', '0.3', url],
          { allowFailure: true },
        );
        if (status === 0) answers.push(performance.now());
        await sleep(50);
      }
    })();
    await sleep(1_000);
    const way = (await holder.on(['ip', 'route', 'show', 'default'])).stdout;
    await holder.on(['ip', 'link', 'set', 'eth0', 'down']);
    const cutAt = performance.now();
    await sleep(8_000);
    asking = false;
    await asker;
    const first = answers.find((at) => at > cutAt + 400);
    console.log(
      `LoadBalancer moved ${Math.round((first ?? Infinity) - cutAt)} ms after its node was cut off`,
    );
    expect((first ?? Infinity) - cutAt).toBeLessThan(leeway * 3_000 + 500);
    await holder.on(['ip', 'link', 'set', 'eth0', 'up']);
    await holder.on(['sh', '-c', `ip route replace ${way.trim()}`]);
    await cluster.ready(holder, 'True', 90_000);
  }, 240_000);

  it('keeps to local endpoints where a Service says so', async () => {
    await cluster.apply(
      service('local', { type: 'LoadBalancer', externalTrafficPolicy: 'Local', selector: { only: b.name } }),
    );
    let ip = '';
    await cluster.until('there is an address', 20_000, async () => {
      ip = await cluster.path('service local', '{.status.loadBalancer.ingress[0].ip}');
      return ip !== '';
    });
    await cluster.until('it answers', 20_000, async () =>
      answersOf(b).test(await curl(cluster.control, `http://${ip}/`)),
    );
    const { routes } = await cluster.control.place.node.json<{ routes: { cidr: string; name: string }[] }>([
      'route',
      'list',
    ]);
    expect(routes.filter(({ cidr }) => cidr === `${ip}/32`).map(({ name }) => name)).toEqual([b.name]);
    // The pod sees who asks.
    await world.seenBy(b, cluster.control.ip);
  }, 120_000);

  faultCases(() => world);

  it.runIf(whole)(
    'has pods that go on while the API server is gone, and agents that come back by themselves',
    async () => {
      await cluster.control.daemons.get('kube-apiserver')?.stop(5_000);
      await agentOf(a).line(/"api-lost"/, 60_000);
      const { status } = await a.on(['curl', '-s', '-m', '3', `http://${pods.get(c)}:8080/`]);
      expect(status).toBe(0);
      // An agent that begins now finds nobody to ask, and leaves what is there.
      await agentOf(a).stop();
      cluster.agent(a, kubeconfig);
      await sleep(6_000);
      expect((await a.on(['ls', '/etc/cni/net.d'])).stdout.trim()).toBe('10-evio.conflist');
      expect(await curl(c, `http://${pods.get(a)}:8080/`)).toBe(`web-${a.name}`);
      await cluster.startApi();
      await agentOf(a).line(/"ready"/, 60_000);
    },
    240_000,
  );

  it('has one agent a node, beside no other pod network', async () => {
    const second = cluster.agent(a, kubeconfig, 'second');
    expect(await second.exited).toBe(1);
    expect(second.tail()).toContain('EVIO_ALREADY_RUNNING');
    const foreign = '/etc/cni/net.d/20-other.conflist';
    await a.on(['sh', '-c', `echo '{"cniVersion":"1.0.0","name":"x","plugins":[]}' > ${foreign}`]);
    await agentOf(a).line(/EVIO_CNI_CONFLICT/, 20_000);
    expect((await a.on(['ls', '/etc/cni/net.d'])).stdout.trim()).toBe('20-other.conflist');
    await a.on(['rm', foreign]);
    await cluster.until(
      'it is back',
      20_000,
      async () => (await a.on(['ls', '/etc/cni/net.d'])).stdout.trim() === '10-evio.conflist',
    );
  }, 120_000);

  refusalCases(() => world);
  placementCases(() => world);
});
