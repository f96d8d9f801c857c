/** evio as it is delivered to machines of a cluster: the image of the agent, its manifest, and the commands of a node. */
import { join } from 'node:path';
import { run } from '../../src/lab/exec.js';
import type { Cluster } from './cluster.js';
import type { Machine } from './machine.js';

const root = join(import.meta.dirname, '../..');
export const image = 'docker.io/library/evio:0.1.0';

/** Makes the image, as `npm run build:oci` does. */
export async function buildImage(file: string): Promise<void> {
  for (const script of [
    ['scripts/binary/build.mjs', 'x64'],
    ['scripts/oci/build.mjs', `--out=${file}`, 'x64'],
  ])
    await run([process.execPath, ...script], { cwd: root, timeoutMs: 300_000 });
}

/** As `ctr images import` of a person. */
export async function takeImage(machine: Machine, file: string): Promise<void> {
  await machine.on(['ctr', '-n', 'k8s.io', 'images', 'import', file], { timeoutMs: 120_000 });
}

/** Where the agents' pods find the home of their machine: at one path on all of them. */
export async function bindHome(machine: Machine): Promise<void> {
  const bind = `mkdir -p /var/lib/evio && mount --bind '${machine.place.node.home}' /var/lib/evio`;
  await machine.on(['sh', '-c', bind]);
}

/** What `evio kube manifest` prints. */
export async function manifest(cluster: Cluster, words: readonly string[] = []): Promise<string> {
  const { node, ip } = { ...cluster.control.place, ip: cluster.control.ip };
  const given = ['--image', image, '--api-server', `https://${ip}:6443`, ...words];
  return (await node.cli(['kube', 'manifest', ...given])).stdout;
}

/** `evio kube …` on a machine whose kubelet and kubeadm are in this folder. */
export function kubeCommand(machine: Machine, argv: readonly string[], programs: string): string[] {
  const path = `${programs}:${process.env['PATH'] ?? ''}`;
  const env = [`PATH=${path}`, `EVIO_HOME=${machine.place.node.home}`];
  return ['env', ...env, process.execPath, join(root, 'bin/run.js'), 'kube', ...argv];
}
