/** A control plane on a public machine, and three nodes behind three NATs; every address that Kubernetes sees is evio's. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabProcess } from '../../src/lab/exec.js';
import { run, sleep } from '../../src/lab/exec.js';
import { TestNet, type TestNode } from '../lab/support.js';
import { Machine } from './machine.js';
import { scriptOf, toolsFolder } from './tools.js';

export const pool = '10.145.0.0/24';
export const pool6 = 'fd45:1::/112';
/** Pods and Services of both families; each node has a /64. */
export const podRange6 = 'fd44:4::/56';
const serviceRanges = '10.96.0.0/16,fd96:1::/112';
const program = join(import.meta.dirname, '../../bin/run.js');

/** The kubelet sets these for the whole kernel; they are put back. */
const kernelKnobs = ['vm/overcommit_memory', 'kernel/panic', 'kernel/panic_on_oops'].map(
  (knob) => `/proc/sys/${knob}`,
);

export class Cluster {
  readonly net: TestNet;
  readonly control: Machine;
  readonly nodes: Machine[] = [];
  readonly folder: string;
  readonly pki: string;
  readonly #knobs = kernelKnobs.map((path) => [path, readFileSync(path, 'utf8')] as const);

  private constructor(net: TestNet, folder: string) {
    this.net = net;
    this.folder = folder;
    this.pki = join(folder, 'pki');
    this.control = new Machine(net.nodes[0] as TestNode, folder);
  }

  /** @param further names of machines that will be nodes later */
  static async create(further: readonly string[] = []): Promise<Cluster> {
    const net = await TestNet.create({ nat: 'public' });
    const cluster = new Cluster(net, mkdtempSync(join(tmpdir(), 'evio-kube-')));
    try {
      await cluster.#start(further);
      return cluster;
    } catch (thrown) {
      await cluster.destroy();
      throw thrown;
    }
  }

  async #start(further: readonly string[]): Promise<void> {
    const { net, control, pki, folder } = this;
    for (const nat of ['endpoint-independent', 'address-and-port-dependent', 'udp-blocked'] as const) {
      const place = await net.place({ nat });
      place.node.launch(['join', await this.token(), '--name', place.node.name]);
      await place.node.up();
      this.nodes.push(new Machine(place, folder));
    }
    const names = [...this.nodes.map(({ name }) => name), ...further];
    await run(['bash', scriptOf('certs.sh'), pki, control.ip, ...names], { timeoutMs: 120_000 });
    for (const machine of [control, ...this.nodes]) await machine.start();
    control.daemon('etcd', [
      '/usr/bin/etcd',
      ...['--data-dir', '/run/etcd', '--unsafe-no-fsync'],
      ...[
        '--listen-client-urls',
        'http://127.0.0.1:2379',
        '--advertise-client-urls',
        'http://127.0.0.1:2379',
      ],
      ...[
        '--listen-peer-urls',
        'http://127.0.0.1:2380',
        '--initial-advertise-peer-urls',
        'http://127.0.0.1:2380',
      ],
      ...['--initial-cluster', 'default=http://127.0.0.1:2380'],
    ]);
    await this.startApi();
    const key = (name: string): string => join(pki, name);
    control.k8s('kube-controller-manager', [
      ...['--kubeconfig', key('manager.kubeconfig'), '--use-service-account-credentials'],
      ...['--service-account-private-key-file', key('sa.key'), '--root-ca-file', key('ca.crt')],
      ...[
        '--allocate-node-cidrs',
        '--cluster-cidr',
        `10.244.0.0/16,${podRange6}`,
        '--service-cluster-ip-range',
        serviceRanges,
      ],
      ...['--leader-elect=false', '--bind-address', '127.0.0.1', '--node-monitor-grace-period', '16s'],
      // Nodes that kubeadm joins: their first account, and the certificate that they ask for by it.
      ...['--controllers', '*,bootstrapsigner,tokencleaner'],
      ...['--cluster-signing-cert-file', key('ca.crt'), '--cluster-signing-key-file', key('ca.key')],
    ]);
    control.k8s('kube-scheduler', [
      ...['--kubeconfig', key('scheduler.kubeconfig'), '--leader-elect=false', '--bind-address', '127.0.0.1'],
    ]);
    await Promise.all(this.nodes.map((node) => node.runtime()));
  }

  /** For one machine that may announce ranges. */
  async token(): Promise<string> {
    const { token } = await this.control.place.node.json<{ token: string }>([
      ...['token', 'create', '--right', 'route'],
    ]);
    return token;
  }

  /** The API server, until it answers. */
  async startApi(): Promise<LabProcess> {
    const { control, pki } = this;
    const key = (name: string): string => join(pki, name);
    const api = control.k8s('kube-apiserver', [
      ...['--etcd-servers', 'http://127.0.0.1:2379', '--service-cluster-ip-range', serviceRanges],
      ...['--advertise-address', control.ip, '--bind-address', control.ip, '--secure-port', '6443'],
      ...['--tls-cert-file', key('apiserver.crt'), '--tls-private-key-file', key('apiserver.key')],
      ...['--client-ca-file', key('ca.crt'), '--authorization-mode', 'Node,RBAC', '--allow-privileged'],
      ...['--enable-admission-plugins', 'NodeRestriction', '--service-account-key-file', key('sa.pub')],
      ...['--service-account-signing-key-file', key('sa.key')],
      ...['--service-account-issuer', 'https://kubernetes.default.svc', '--enable-bootstrap-token-auth'],
      ...['--kubelet-client-certificate', key('kubelet-client.crt')],
      ...[
        '--kubelet-client-key',
        key('kubelet-client.key'),
        '--kubelet-preferred-address-types',
        'InternalIP',
      ],
    ]);
    await this.until('the API server answers', 90_000, async () => {
      if (!api.running) throw new Error(`kube-apiserver: ${api.tail(20)}`);
      const { status } = await this.kubectl(['get', '--raw', '/readyz'], { allowFailure: true });
      return status === 0;
    });
    return api;
  }

  kubectl(
    args: readonly string[],
    options: { input?: string; allowFailure?: boolean; timeoutMs?: number } = {},
  ): ReturnType<Machine['on']> {
    return this.control.on(this.kubectlCommand(args), { timeoutMs: 60_000, ...options });
  }

  kubectlCommand(args: readonly string[]): string[] {
    const admin = join(this.pki, 'admin.kubeconfig');
    return [join(toolsFolder, 'bin/k8s'), 'kubectl', '--kubeconfig', admin, ...args];
  }

  async apply(...objects: readonly object[]): Promise<void> {
    await this.kubectl(['apply', '-f', '-'], {
      input: JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }),
    });
  }

  async path(object: string, jsonPath: string): Promise<string> {
    const { stdout } = await this.kubectl(['get', ...object.split(' '), '-o', `jsonpath=${jsonPath}`]);
    return stdout;
  }

  /** A kubeconfig of the account that the manifest makes, for agents that are no pods. */
  async agentConfig(): Promise<string> {
    const token = (await this.kubectl(['-n', 'kube-system', 'create', 'token', 'evio', '--duration', '2h']))
      .stdout;
    const file = join(this.folder, 'agent.kubeconfig');
    const server = `https://${this.control.ip}:6443`;
    writeFileSync(
      file,
      JSON.stringify({
        'current-context': 'c',
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        clusters: [{ name: 'c', cluster: { server, 'certificate-authority': join(this.pki, 'ca.crt') } }],
        users: [{ name: 'u', user: { token: token.trim() } }],
      }),
    );
    return file;
  }

  /** `evio kube install` on a node. */
  async install(node: Machine): Promise<void> {
    await node.on([process.execPath, program, 'kube', 'install']);
  }

  /** `evio kube` on a node. */
  agent(node: Machine, kubeconfig: string, name = 'agent'): LabProcess {
    const args = [
      'kube',
      '--json',
      '--kubeconfig',
      kubeconfig,
      '--node-name',
      node.name,
      '--service-pool',
      `${pool},${pool6}`,
      '--network-policy',
    ];
    return node.daemon(name, [process.execPath, program, ...args], { EVIO_HOME: node.place.node.home });
  }

  /** Waits for what `holds`; a text is what was seen instead. Resolves to how long it took, ms. */
  async until(what: string, timeoutMs: number, holds: () => Promise<boolean | string>): Promise<number> {
    const begun = performance.now();
    let seen: boolean | string = false;
    while (performance.now() - begun < timeoutMs) {
      seen = await holds();
      if (seen === true) return performance.now() - begun;
      await sleep(200);
    }
    throw new Error(`not within ${timeoutMs} ms: ${what}${seen === false ? '' : `; but: ${seen}`}`);
  }

  async ready(node: Machine, wanted: 'True' | 'False' | 'Unknown', timeoutMs: number): Promise<number> {
    return this.until(`${node.name} is Ready: ${wanted}`, timeoutMs, async () => {
      const { stdout } = await this.kubectl(
        ['get', 'node', node.name, '-o', 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'],
        { allowFailure: true },
      );
      return stdout === wanted;
    });
  }

  async destroy(): Promise<void> {
    for (const machine of [...this.nodes, this.control]) await machine.stop();
    await this.net.destroy();
    for (const [path, value] of this.#knobs) writeFileSync(path, value);
    rmSync(this.folder, { recursive: true, force: true });
  }
}
