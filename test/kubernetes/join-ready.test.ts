/**
 * How long a machine takes from `evio join` to a Node that is ready: runtime and kubelet are installed, with their certificates, as
 * an image for machines would have them. `npm run bench:join-ready`.
 */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { median, quantile } from '../../src/lab/measure.js';
import { manifestObjects } from '../../src/kube/manifest.js';
import { Cluster, pool } from './cluster.js';
import { Machine } from './machine.js';

const asked = process.env['EVIO_BENCH_JOIN'] !== undefined;

const rounds = 10;
const nats = ['endpoint-independent', 'address-and-port-dependent', 'udp-blocked'] as const;
/** After the three that a cluster has. */
const names = Array.from({ length: rounds }, (_, i) => `n${i + 4}`);

describe.skipIf(!asked || inject('noCluster') !== '')('a machine that joins', () => {
  let cluster: Cluster;
  let kubeconfig: string;

  beforeAll(async () => {
    cluster = await Cluster.create(names);
    const options = {
      image: 'docker.io/local/evio:1',
      namespace: 'kube-system',
      apiServer: 'https://10.144.0.1:6443',
      network: undefined,
      pool,
      policy: true,
      home: '/var/lib/evio',
      cniConf: '/etc/cni/net.d',
      cniBin: '/opt/cni/bin',
    };
    await cluster.apply(...manifestObjects(options).filter(({ kind }) => kind !== 'DaemonSet'));
    kubeconfig = await cluster.agentConfig();
  }, 600_000);
  afterAll(async () => {
    await cluster?.destroy();
  }, 120_000);

  it('is a node that is ready within 10 s', async () => {
    const watch = cluster.control.spawn(cluster.kubectlCommand(['get', 'nodes', '--watch', '--no-headers']));
    const took: { joined: number; ready: number }[] = [];
    try {
      for (const [i, name] of names.entries()) {
        const place = await cluster.net.place({ nat: nats[i % nats.length] ?? 'public' }, name);
        const machine = new Machine(place, cluster.folder);
        try {
          await machine.start();
          await machine.runtime();
          await cluster.install(machine);
          const token = await cluster.token();
          const begun = performance.now();
          place.node.launch(['join', token, '--name', name]);
          await place.node.up();
          const joined = performance.now() - begun;
          machine.kubelet(cluster.pki);
          machine.proxy(cluster.pki);
          cluster.agent(machine, kubeconfig);
          await watch.line(new RegExp(`^${name}\\s+Ready\\s`), 60_000);
          took.push({ joined, ready: performance.now() - begun });
        } finally {
          await machine.stop();
          await place.node.stop();
        }
      }
    } finally {
      await watch.stop(1_000);
    }
    const ready = took.map(({ ready }) => ready).sort((a, b) => a - b);
    const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
    console.log(`join: ${took.map(({ joined }) => seconds(joined)).join(' ')} s`);
    console.log(`join to Ready: ${ready.map(seconds).join(' ')} s`);
    console.log(`median ${seconds(median(ready))} s, p95 ${seconds(quantile(ready, 0.95))} s`);
    expect(quantile(ready, 0.95)).toBeLessThan(10_000);
  }, 900_000);
});
