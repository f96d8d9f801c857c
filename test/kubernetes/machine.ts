/** A machine of the cluster: a lab host with file systems, runtime and kubelet of its own (machine.sh). */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabProcess, run, sleep, type RunResult } from '../../src/lab/exec.js';
import type { TestNode } from '../lab/support.js';
import { endMachine } from '../support/ending.js';
import { scriptOf, toolsFolder } from './tools.js';

const images = ['pause', 'box', 'coredns'];

export class Machine {
  readonly name: string;
  readonly place: TestNode;
  /** Its state and logs. */
  readonly folder: string;
  readonly daemons = new Map<string, LabProcess>();
  #first: LabProcess | undefined;
  #pid = '';

  /** `name` is what Kubernetes calls it. */
  constructor(place: TestNode, folder: string, name = place.node.name) {
    this.place = place;
    this.name = name;
    this.folder = join(folder, this.name);
    mkdirSync(this.folder, { recursive: true });
  }

  get ip(): string {
    return this.place.node.ip;
  }

  async start(): Promise<void> {
    const { name, folder, place } = this;
    const command = ['bash', scriptOf('machine.sh'), this.#group, toolsFolder, folder];
    this.#first = new LabProcess([
      'nsenter',
      `--net=/run/netns/${place.ns}`,
      'unshare',
      '-m',
      '--',
      ...command,
    ]);
    const file = join(folder, 'pid');
    for (let i = 0; i < 600 && !existsSync(file); i++) await sleep(50);
    if (!existsSync(file)) throw new Error(`machine ${name}: ${this.#first.tail()}`);
    this.#pid = readFileSync(file, 'utf8').trim();
    // As installers write it. Who looks up its own name (kubeadm does) else asks a name server that is not in the lab: 10 s.
    const names = `cat /etc/netns/${place.ns}/hosts; echo 127.0.1.1 ${name}`;
    await this.on(['sh', '-c', `names=$(${names}) && echo "$names" > /etc/hosts`]);
    // Addresses of Services are translated on the way out: some way out has to be there.
    const { stdout } = await this.on(['ip', 'route', 'show', 'default']);
    if (stdout.trim() === '') await this.on(['ip', 'route', 'add', 'default', 'dev', 'eth0']);
  }

  #within(argv: readonly string[]): string[] {
    return ['nsenter', '-t', this.#pid, '-n', '-m', '--', ...argv];
  }

  /** Runs a program there to its end. */
  on(
    argv: readonly string[],
    options: { input?: string; allowFailure?: boolean; timeoutMs?: number } = {},
  ): Promise<RunResult> {
    return run(this.#within(argv), options);
  }

  /** Starts a program there that runs on. */
  daemon(name: string, argv: readonly string[], env: Record<string, string> = {}): LabProcess {
    const process = new LabProcess(this.#within(argv), { env });
    this.daemons.set(name, process);
    return process;
  }

  /** Starts a program there that whoever starts it ends. */
  spawn(argv: readonly string[]): LabProcess {
    return new LabProcess(this.#within(argv));
  }

  k8s(component: string, args: readonly string[]): LabProcess {
    return this.daemon(component, [join(toolsFolder, 'bin/k8s'), component, ...args]);
  }

  /** containerd, with the images. */
  async runtime(): Promise<void> {
    this.daemon('containerd', ['/usr/bin/containerd'], { EVIO_HOME: this.place.node.home });
    for (let i = 0; ; i++) {
      const { status } = await this.on(['ctr', 'version'], { allowFailure: true });
      if (status === 0) break;
      if (i > 300) throw new Error(`containerd: ${this.daemons.get('containerd')?.tail() ?? ''}`);
      await sleep(100);
    }
    for (const image of images) {
      const file = join(toolsFolder, 'images', `${image}.tar`);
      await this.on(['ctr', '-n', 'k8s.io', 'images', 'import', file], { timeoutMs: 120_000 });
    }
  }

  kubelet(pki: string): LabProcess {
    const config = join(this.folder, 'kubelet.yaml');
    const content = {
      kind: 'KubeletConfiguration',
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      authentication: {
        anonymous: { enabled: false },
        webhook: { enabled: true },
        x509: { clientCAFile: join(pki, 'ca.crt') },
      },
      authorization: { mode: 'Webhook' },
      cgroupDriver: 'cgroupfs',
      cgroupRoot: `/evio-${this.#group}`,
      failSwapOn: false,
      containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
      evictionHard: { 'memory.available': '100Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
      imageGCHighThresholdPercent: 100,
      address: this.ip,
      healthzBindAddress: '127.0.0.1',
      clusterDomain: 'cluster.local',
      clusterDNS: ['10.96.0.10'],
      resolvConf: '/etc/resolv.conf',
      nodeStatusUpdateFrequency: '4s',
      // A node that died is known to be dead sooner than the 40 s that clusters wait by default.
      nodeLeaseDurationSeconds: 12,
    };
    writeFileSync(config, JSON.stringify(content));
    const args = ['--config', config, '--kubeconfig', join(pki, `${this.name}.kubeconfig`)];
    const folders = ['--root-dir', '/var/lib/kubelet', '--cert-dir', '/var/lib/kubelet/pki'];
    return this.k8s('kubelet', [...args, '--hostname-override', this.name, '--node-ip', this.ip, ...folders]);
  }

  proxy(pki: string): LabProcess {
    const config = join(this.folder, 'proxy.yaml');
    const content = {
      kind: 'KubeProxyConfiguration',
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      clientConnection: { kubeconfig: join(pki, 'proxy.kubeconfig') },
      mode: 'nftables',
      clusterCIDR: '10.244.0.0/16,fd44:4::/56',
      hostnameOverride: this.name,
      conntrack: { maxPerCore: 0 },
      healthzBindAddress: '127.0.0.1:10256',
      metricsBindAddress: '127.0.0.1:10249',
    };
    writeFileSync(config, JSON.stringify(content));
    return this.k8s('kube-proxy', ['--config', config]);
  }

  /** Ends everything of the machine, containers too, and its cgroups. */
  async stop(): Promise<void> {
    for (const process of [...this.daemons.values()].reverse()) await process.stop(2_000);
    await endMachine(this.#pid, `evio-${this.#group}`);
    await this.#first?.stop(500);
  }

  /** Several runs may be on one machine: by the name of the namespace, which is unique. */
  get #group(): string {
    return this.place.ns;
  }
}
