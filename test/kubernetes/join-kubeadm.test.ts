/**
 * How long a machine takes from `evio kube init TOKEN -- kubeadm join …` to a Node that is ready, with kubeadm and kubelet as they
 * are published and the agent as a pod, and what of that is whose. Runtime, kubelet, kubeadm and image are there before. Part of
 * `npm run bench:join-ready`; EVIO_BENCH_ROUNDS rounds. The table goes to docs/kubernetes.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { LabProcess } from '../../src/lab/exec.js';
import { median, quantile } from '../../src/lab/measure.js';
import { circumstances, markdownTable, writeSection } from '../matrix/report.js';
import { Cluster, pool } from './cluster.js';
import { bindHome, buildImage, kubeCommand, manifest, takeImage } from './delivery.js';
import { kubeletUnit, openForJoin } from './kubeadm.js';
import { Machine } from './machine.js';

const asked = process.env['EVIO_BENCH_JOIN'] !== undefined;
const rounds = Number(process.env['EVIO_BENCH_ROUNDS'] ?? '10');
const nats = ['endpoint-independent', 'address-and-port-dependent', 'udp-blocked'] as const;

/** What happens, in this order; and who does what comes before it. */
const steps = {
  member: ['the machine is connected to the network', 'evio'],
  joined: ['`kubeadm join` ended, and the command', 'kubeadm, kubelet'],
  known: ['Kubernetes has the Node', 'kubelet'],
  started: ['the agent runs in its pod', 'Kubernetes, containerd, the image’s start'],
  written: ['the agent wrote the CNI configuration', 'evio'],
  ready: ['the Node is Ready', 'containerd, kubelet'],
} as const;
type Step = keyof typeof steps;
const order = Object.keys(steps) as Step[];

describe.skipIf(!asked || inject('noCluster') !== '')('a machine that kubeadm joins', () => {
  let cluster: Cluster;
  let folder: string;
  let file: string;
  let how: { words: string[]; folder: string };

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'evio-image-'));
    file = join(folder, 'evio.tar');
    await buildImage(file);
    cluster = await Cluster.create();
    const input = await manifest(cluster, ['--service-pool', pool, '--network-policy']);
    await cluster.kubectl(['apply', '-f', '-'], { input });
    how = await openForJoin(cluster);
  }, 900_000);
  afterAll(async () => {
    await cluster?.destroy();
    if (folder) rmSync(folder, { recursive: true, force: true });
  }, 120_000);

  /** When the agent said this, in the words of containerd's log of it; ms since 1970. */
  async function said(machine: Machine, event: string): Promise<number> {
    const script = `grep -h '"event":"${event}"' /var/log/pods/kube-system_evio-*/agent/0.log | head -n 1`;
    const { stdout } = await machine.on(['sh', '-c', script]);
    return Date.parse(stdout.split(' ')[0] ?? '');
  }

  /** ms from the start to each step. */
  async function once(machine: Machine, watch: LabProcess): Promise<Record<Step, number>> {
    const { name } = machine;
    const token = await cluster.token();
    const init = ['init', '--no-service', token, '--name', name, '--', 'kubeadm', ...how.words];
    const begun = Date.now();
    const command = machine.spawn(kubeCommand(machine, [...init, '--node-name', name], how.folder));
    const at = async (process: LabProcess, pattern: RegExp): Promise<number> => {
      await process.line(pattern, 60_000);
      return Date.now() - begun;
    };
    const ended = async (): Promise<number> => {
      const status = await command.exited;
      if (status !== 0) throw new Error(command.tail(30));
      return Date.now() - begun;
    };
    const [member, joined, known, ready] = await Promise.all([
      at(command, /^In the network/),
      ended(),
      at(watch, new RegExp(`^${name}\\s`)),
      at(watch, new RegExp(`^${name}\\s+Ready\\s`)),
    ]);
    const [started, written] = await Promise.all([said(machine, 'started'), said(machine, 'ready')]);
    return { member, joined, known, started: started - begun, written: written - begun, ready };
  }

  it('is a node that is ready within 10 s', async () => {
    const follow = ['get', 'nodes', '--watch', '--no-headers'];
    const watch = cluster.control.spawn(cluster.kubectlCommand(follow));
    const took: Record<Step, number>[] = [];
    const load: number[] = [];
    try {
      for (let i = 0; i < rounds; i++) {
        const place = await cluster.net.place({ nat: nats[i % nats.length] ?? 'public' });
        const machine = new Machine(place, cluster.folder);
        try {
          await machine.start();
          await bindHome(machine);
          await machine.runtime();
          await takeImage(machine, file);
          const unit = kubeletUnit(machine, how.folder);
          const round = await once(machine, watch).catch((thrown: unknown) => {
            throw new Error(`${String(thrown)}\n${unit.tail(20)}`);
          });
          load.push(loadavg()[0] ?? 0);
          took.push(round);
          console.log(`${machine.name}: ${order.map((step) => `${step} ${round[step]}`).join(', ')} ms`);
        } finally {
          await machine.on(kubeCommand(machine, ['reset', '--json'], how.folder), { allowFailure: true });
          await machine.stop();
          await cluster.kubectl(['delete', 'node', machine.name], { allowFailure: true });
        }
      }
    } finally {
      await watch.stop(1_000);
    }
    const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
    const sorted = (step: Step): number[] => took.map((round) => round[step]).sort((a, b) => a - b);
    const rows = order.map((step) => {
      const list = sorted(step);
      const figures = [list[0] ?? NaN, median(list), quantile(list, 0.95)].map(seconds);
      return [...steps[step], ...figures];
    });
    const text = `${markdownTable([['until', 'by whom', 'least', 'median', 'p95'], ...rows])}

Seconds since \`evio kube init TOKEN -- kubeadm join …\` began, of ${rounds} machines one after the other, behind three kinds of NAT; control plane and all machines on
the same processors, with a load of ${Math.min(...load).toFixed(1)} to ${Math.max(...load).toFixed(1)}. ${circumstances()}.`;
    console.log(`\n${text}\n`);
    await writeSection('join-kubeadm', text, 'kubernetes.md');
    expect(quantile(sorted('ready'), 0.95)).toBeLessThan(10_000);
  }, 1_200_000);
});
