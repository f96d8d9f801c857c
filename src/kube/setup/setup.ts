/**
 * Makes a machine ready to be a node, and takes that back. Each step is looked at before it is done, and is on record before it is
 * done, so that both can be called again at any point, also after a kill.
 *
 *   /etc/sysctl.d/90-evio-kube.conf        net.ipv4.ip_forward and net.bridge.bridge-nf-call-iptables are 1
 *   /etc/modules-load.d/evio-kube.conf     br_netfilter
 *   CNI folder: host-local, loopback, portmap (links, where a distribution keeps them elsewhere), evio-cni
 *   /etc/default/kubelet                   --node-ip: the address in the network
 */
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { replaceFileSync } from '../../core/disk/replace-file.js';
import { storageError } from '../../core/disk/storage-error.js';
import { isThere } from '../../core/disk/there.js';
import { conflistName } from '../conflist.js';
import { installPlugin } from '../install.js';
import { nodeIpOf, withNodeIp } from './kubelet-args.js';
import {
  bridgesFilter,
  lacksPlugin,
  lookAt,
  pluginSource,
  usedPlugins,
  type Whereabouts,
} from './machine.js';
import type { RecordFile, SetupRecord } from './record.js';

/** What a node's kernel is told, and what does not work without it. */
const knobs = [
  ['net.ipv4.ip_forward', 'pods reach nothing outside of this node'],
  [
    'net.bridge.bridge-nf-call-iptables',
    'without --network-policy of the agent a pod does not reach a Service that leads to a pod of its own node',
  ],
] as const;
const sysctlFile = 'etc/sysctl.d/90-evio-kube.conf';
const modulesFile = 'etc/modules-load.d/evio-kube.conf';

/** Where kubeadm's unit of the kubelet reads more words. */
export function kubeletFile(root: string): string {
  const redHat = join(root, 'etc/sysconfig');
  return existsSync(redHat) && !existsSync(join(root, 'etc/default'))
    ? join(redHat, 'kubelet')
    : join(root, 'etc/default/kubelet');
}

/** A file's text; empty where there is none. */
function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The machine is a node of a cluster: its kubelet has an account. */
export function hasJoined(root: string): boolean {
  return existsSync(join(root, 'etc/kubernetes/kubelet.conf'));
}

export class Setup {
  readonly #where: Whereabouts;
  readonly #file: RecordFile;
  #record: SetupRecord;

  /** @param cniConf folder of CNI configurations, in which the agent will write */
  constructor(where: Whereabouts, cniConf: string, file: RecordFile) {
    this.#where = where;
    this.#file = file;
    this.#record = file.read() ?? {
      made: [],
      kubelet: null,
      cniConf,
      cniBin: where.cniBin,
      joined: false,
    };
  }

  get joined(): boolean {
    return this.#record.joined;
  }

  /**
   * Puts right what can be put right here. Returns sentences on what could not, and pods can do without.
   *
   * @throws EvioError EVIO_STORAGE
   */
  prepare(): readonly string[] {
    const { root, cniBin } = this.#where;
    const todo = new Set(
      lookAt(this.#where, false)
        .filter(({ state }) => state === 'todo')
        .map(({ id }) => id),
    );
    const failures: string[] = [];
    if (todo.has('br_netfilter') && !bridgesFilter(root)) {
      this.#make(join(root, modulesFile), 'br_netfilter\n');
      spawnSync('modprobe', ['br_netfilter'], { stdio: 'ignore' });
    }
    if (todo.has('forwarding') || todo.has('br_netfilter'))
      this.#make(join(root, sysctlFile), knobs.map(([name]) => `${name} = 1\n`).join(''));
    for (const [name, failure] of knobs) {
      try {
        writeFileSync(join(root, 'proc/sys', name.replaceAll('.', '/')), '1');
      } catch {
        failures.push(`${name} cannot be set to 1: ${failure}.`);
      }
    }
    const source = pluginSource(root);
    for (const name of source === undefined ? [] : usedPlugins)
      if (lacksPlugin(this.#where, name) && existsSync(join(source ?? '', name)))
        this.#link(join(root, cniBin, name), join(source ?? '', name));
    if (lacksPlugin(this.#where, 'evio-cni')) this.#note(join(root, cniBin, 'evio-cni'));
    installPlugin(join(root, cniBin));
    return failures;
  }

  /** Tells the kubelet its address. True when that was new to it. Throws EvioError EVIO_STORAGE. */
  tellKubelet(ip: string): boolean {
    const path = kubeletFile(this.#where.root);
    const text = textOf(path);
    const before = nodeIpOf(text);
    if (before === ip) return false;
    if (this.#record.kubelet === null) this.#keep({ kubelet: { path, before: before ?? null } });
    if (text === '') this.#note(path);
    this.#put(path, withNodeIp(text, ip));
    return true;
  }

  noteJoined(): void {
    this.#keep({ joined: true });
  }

  /** Takes it all back. Returns the paths that went or changed. Throws EvioError EVIO_STORAGE. */
  undo(): readonly string[] {
    const { root } = this.#where;
    const { made, kubelet, cniConf } = this.#record;
    const undone: string[] = [];
    if (kubelet !== null && existsSync(kubelet.path)) {
      const text = withNodeIp(textOf(kubelet.path), kubelet.before ?? undefined);
      this.#put(kubelet.path, text);
      // Made by us, and with nothing in it that somebody has added.
      if (!made.includes(kubelet.path) || text.trim() !== '') undone.push(kubelet.path);
    }
    const ours = made.filter((path) => path !== kubelet?.path || textOf(path).trim() === '');
    for (const path of [join(root, cniConf, conflistName), ...ours]) {
      if (!isThere(path)) continue;
      rmSync(path, { force: true });
      undone.push(path);
    }
    this.#file.remove();
    return undone;
  }

  #keep(change: Partial<SetupRecord>): void {
    this.#record = { ...this.#record, ...change };
    this.#file.write(this.#record);
  }

  #note(path: string): void {
    if (!this.#record.made.includes(path)) this.#keep({ made: [...this.#record.made, path] });
  }

  #make(path: string, text: string): void {
    if (textOf(path) === text) return;
    this.#note(path);
    this.#put(path, text);
  }

  #link(path: string, target: string): void {
    this.#note(path);
    try {
      mkdirSync(dirname(path), { recursive: true });
      symlinkSync(target, path);
    } catch (thrown) {
      throw storageError(path, thrown);
    }
  }

  #put(path: string, text: string): void {
    try {
      mkdirSync(dirname(path), { recursive: true });
      const { mode = 0o644 } = statSync(path, { throwIfNoEntry: false }) ?? {};
      replaceFileSync(path, text);
      chmodSync(path, mode & 0o777);
    } catch (thrown) {
      throw storageError(path, thrown);
    }
  }
}
