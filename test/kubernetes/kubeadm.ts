/** What `kubeadm init` leaves in a cluster for `kubeadm join`, in one that was not made by it; and a kubelet as its unit runs it. */
import { symlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LabProcess } from '../../src/lab/exec.js';
import type { Cluster } from './cluster.js';
import type { Machine } from './machine.js';
import { toolsFolder } from './tools.js';

const token = 'abcdef.0123456789abcdef';

/** Folder with `kubelet` and `kubeadm`, as programs of these names. */
function programs(cluster: Cluster): string {
  const folder = join(cluster.folder, 'programs');
  mkdirSync(folder, { recursive: true });
  for (const [name, file] of [
    ['kubelet', 'k8s'],
    ['kubeadm', 'kubeadm'],
  ] as const)
    symlinkSync(join(toolsFolder, 'bin', file), join(folder, name));
  return folder;
}

/** Has the cluster take nodes by `kubeadm join`. Resolves to the words after it, and where its programs are. */
export async function openForJoin(cluster: Cluster): Promise<{ words: string[]; folder: string }> {
  const { control } = cluster;
  const folder = programs(cluster);
  const endpoint = `${control.ip}:6443`;
  const config = join(cluster.folder, 'kubeadm.yaml');
  const documents = [
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'InitConfiguration',
      bootstrapTokens: [{ token, ttl: '1h' }],
      localAPIEndpoint: { advertiseAddress: control.ip },
      nodeRegistration: { name: control.name, criSocket: 'unix:///run/containerd/containerd.sock' },
    },
    {
      apiVersion: 'kubeadm.k8s.io/v1beta4',
      kind: 'ClusterConfiguration',
      kubernetesVersion: 'v1.34.4',
      controlPlaneEndpoint: endpoint,
      networking: { podSubnet: '10.244.0.0/16', serviceSubnet: '10.96.0.0/16' },
    },
    {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      cgroupDriver: 'cgroupfs',
      failSwapOn: false,
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
      imageGCHighThresholdPercent: 100,
      nodeStatusUpdateFrequency: '4s',
    },
  ];
  writeFileSync(config, documents.map((document) => JSON.stringify(document)).join('\n---\n'));
  // With its authority inside: it is what joining machines are shown.
  const admin = join(cluster.folder, 'flat.kubeconfig');
  writeFileSync(admin, (await cluster.kubectl(['config', 'view', '--flatten', '--raw'])).stdout);
  // kubeadm writes on the Node of the machine that it runs on, and the control plane is none here.
  await cluster.apply({ apiVersion: 'v1', kind: 'Node', metadata: { name: control.name } });
  for (const phase of [
    ['upload-config', 'all'],
    ['bootstrap-token', '--skip-token-print'],
  ])
    await control.on(
      [join(folder, 'kubeadm'), 'init', 'phase', ...phase, '--config', config, '--kubeconfig', admin],
      { timeoutMs: 120_000 },
    );
  await cluster.kubectl(['delete', 'node', control.name]);
  await cluster.until('the cluster is announced, signed', 20_000, async () => {
    const shown = ['-n', 'kube-public', 'get', 'configmap', 'cluster-info', '-o', 'jsonpath={.data}'];
    return (await cluster.kubectl(shown)).stdout.includes('jws-kubeconfig-abcdef');
  });
  // There is neither systemd nor the swap, disk and names of a machine of its own.
  const lab = ['--discovery-token-unsafe-skip-ca-verification', '--ignore-preflight-errors=all'];
  return { folder, words: ['join', endpoint, '--token', token, ...lab] };
}

/** As kubeadm's unit for systemd runs it: again and again, once there is something to run it with. */
export function kubeletUnit(machine: Machine, folder: string): LabProcess {
  const script = [
    "trap 'kill $kubelet; exit' TERM",
    'while :; do',
    '  [ -e /var/lib/kubelet/config.yaml ] && [ -e /etc/kubernetes/bootstrap-kubelet.conf -o -e /etc/kubernetes/kubelet.conf ] || { sleep 0.1; continue; }',
    '  [ -e /var/lib/kubelet/kubeadm-flags.env ] && . /var/lib/kubelet/kubeadm-flags.env',
    '  [ -e /etc/default/kubelet ] && . /etc/default/kubelet',
    '  "$0" --config /var/lib/kubelet/config.yaml --bootstrap-kubeconfig /etc/kubernetes/bootstrap-kubelet.conf \\',
    `    --kubeconfig /etc/kubernetes/kubelet.conf $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS --cgroup-root=/evio-${machine.place.ns} &`,
    '  kubelet=$!; wait $kubelet',
    '  sleep 0.5',
    'done',
  ];
  return machine.daemon('kubelet', ['sh', '-c', script.join('\n'), join(folder, 'kubelet')]);
}
