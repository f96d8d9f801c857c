/** What a machine needs to be a node beside evio itself, and what of it can be put right here. */
import { existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { findIn } from '../../cni/programs.js';
import { isThere } from '../../core/disk/there.js';

export interface Finding {
  readonly id: 'runtime' | 'kubelet' | 'kubeadm' | 'plugins' | 'forwarding' | 'br_netfilter';
  /** `missing`: somebody has to install it. `todo`: `evio kube init` does it. */
  readonly state: 'done' | 'todo' | 'missing';
  readonly detail: string;
  readonly suggestion?: string;
}

/** Where things are on this machine. `root` is `/`, but in tests. */
export interface Whereabouts {
  readonly root: string;
  readonly cniBin: string;
  /** Socket of the container runtime; undefined: the first of the usual ones. */
  readonly criSocket: string | undefined;
  /** PATH. */
  readonly path: string;
}

const sockets = ['run/containerd/containerd.sock', 'run/crio/crio.sock', 'run/cri-dockerd.sock'];
/** Folders in which distributions put the CNI project's plugins: Debian, Fedora. */
const pluginFolders = ['usr/lib/cni', 'usr/libexec/cni'];
/** `portmap` is for host ports only. */
export const neededPlugins = ['host-local', 'loopback'];
export const usedPlugins = [...neededPlugins, 'portmap'];

/** Path of a program, or undefined. */
export function findProgram({ root, path }: Whereabouts, name: string): string | undefined {
  const folders = [...path.split(delimiter), '/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin'];
  return findIn(
    folders.filter((folder) => folder !== '').map((folder) => join(root, folder)),
    name,
  );
}

/** Where the runtime looks for plugins: what containerd is told, else what all are built with. */
export function pluginFolder(root: string): string {
  try {
    const text = readFileSync(join(root, 'etc/containerd/config.toml'), 'utf8');
    return /^\s*bin_dirs?\s*=\s*\[?\s*["']([^"']+)["']/m.exec(text)?.[1] ?? '/opt/cni/bin';
  } catch {
    return '/opt/cni/bin';
  }
}

/** A folder of the distribution that has all plugins that are needed, where the runtime's own lacks some. */
export function pluginSource(root: string): string | undefined {
  return pluginFolders
    .map((folder) => join(root, folder))
    .find((folder) => neededPlugins.every((name) => existsSync(join(folder, name))));
}

export function lacksPlugin({ root, cniBin }: Whereabouts, name: string): boolean {
  return !isThere(join(root, cniBin, name));
}

function knob(root: string, path: string): string | undefined {
  try {
    return readFileSync(join(root, 'proc/sys/net', path), 'utf8').trim();
  } catch {
    return undefined;
  }
}

/** The kernel can show iptables what passes a bridge: br_netfilter is there. */
export function bridgesFilter(root: string): boolean {
  return knob(root, 'bridge/bridge-nf-call-iptables') !== undefined;
}

/** What is there and what is not. Changes nothing. `joins`: kubeadm is to be run. */
export function lookAt(where: Whereabouts, joins: boolean): readonly Finding[] {
  const { root, cniBin, criSocket } = where;
  const socket = (criSocket === undefined ? sockets : [criSocket.replace(/^unix:\/\//, '')]).find((path) =>
    existsSync(join(root, path)),
  );
  const program = (id: 'kubelet' | 'kubeadm'): Finding => {
    const path = findProgram(where, id);
    return path === undefined
      ? {
          id,
          state: 'missing',
          detail: `${id} is not installed`,
          suggestion: `Install ${id}: https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/install-kubeadm/`,
        }
      : { id, state: 'done', detail: path };
  };
  const lacking = neededPlugins.filter((name) => lacksPlugin(where, name));
  const forwards = knob(root, 'ipv4/ip_forward') === '1';
  return [
    socket === undefined
      ? {
          id: 'runtime',
          state: 'missing',
          detail: 'no container runtime answers: neither containerd nor CRI-O has its socket',
          suggestion:
            'Install and start one (Debian: apt-get install containerd), or name its socket: --cri-socket',
        }
      : { id: 'runtime', state: 'done', detail: join('/', socket) },
    program('kubelet'),
    ...(joins ? [program('kubeadm')] : []),
    lacking.length === 0
      ? { id: 'plugins', state: 'done', detail: `${neededPlugins.join(' and ')} are in ${cniBin}` }
      : pluginSource(root) === undefined
        ? {
            id: 'plugins',
            state: 'missing',
            detail: `the CNI project's ${lacking.join(' and ')} is not in ${cniBin}`,
            suggestion: 'Install its plugins (Debian: apt-get install containernetworking-plugins)',
          }
        : { id: 'plugins', state: 'todo', detail: `links in ${cniBin} to ${pluginSource(root) ?? ''}` },
    forwards
      ? { id: 'forwarding', state: 'done', detail: 'net.ipv4.ip_forward = 1' }
      : { id: 'forwarding', state: 'todo', detail: 'net.ipv4.ip_forward = 1, now and at boot' },
    knob(root, 'bridge/bridge-nf-call-iptables') === '1'
      ? { id: 'br_netfilter', state: 'done', detail: 'net.bridge.bridge-nf-call-iptables = 1' }
      : {
          id: 'br_netfilter',
          state: 'todo',
          detail: 'br_netfilter, and net.bridge.bridge-nf-call-iptables = 1, now and at boot',
        },
  ];
}
