/**
 * NetworkPolicies on this node: what the API server says of policies, namespaces and pods becomes a table of nftables. A pod that is
 * not known yet is cut off, so that no packet of it goes before its policies hold; the plugin tells of each as it connects it.
 */
import { mkdirSync, watch } from 'node:fs';
import { run } from '../../cni/programs.js';
import { attachedFolder, attachedPods } from '../../cni/attached.js';
import { EvioError, messageOf } from '../../core/lib/errors.js';
import type { ApiClient } from '../api/client.js';
import { Mirror } from '../api/mirror.js';
import { compilePolicies, type PlacedPod } from './compile.js';
import {
  namespaceObject,
  podObject,
  policyObject,
  type NamespaceObject,
  type PodObject,
  type PolicyObject,
} from './objects.js';
import { policyScript, tableName, type Counts } from './script.js';

export interface PolicyPorts {
  readonly client: ApiClient;
  /** Path of the home. */
  readonly home: string;
  readonly nodeName: string;
  readonly changed: () => void;
}

export class Policies {
  readonly #ports: PolicyPorts;
  readonly #policies: Mirror<PolicyObject>;
  readonly #namespaces: Mirror<NamespaceObject>;
  readonly #pods: Mirror<PodObject>;
  /** The rules in force, without what they counted. */
  #applied = '';

  constructor(ports: PolicyPorts) {
    this.#ports = ports;
    const { client, changed } = ports;
    const told = { changed, reached: () => undefined };
    const group = '/apis/networking.k8s.io/v1/networkpolicies';
    this.#policies = new Mirror(client, group, policyObject, told);
    this.#namespaces = new Mirror(client, '/api/v1/namespaces', namespaceObject, told);
    this.#pods = new Mirror(client, '/api/v1/pods', podObject, told);
  }

  /** True once all were listed. */
  get synced(): boolean {
    return this.#policies.synced && this.#namespaces.synced && this.#pods.synced;
  }

  /** Follows until the signal. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    const { home, changed } = this.#ports;
    mkdirSync(attachedFolder(home), { recursive: true, mode: 0o700 });
    const watcher = watch(attachedFolder(home), changed);
    watcher.on('error', () => undefined);
    await Promise.all([this.#policies.run(signal), this.#namespaces.run(signal), this.#pods.run(signal)]);
    watcher.close();
  }

  /**
   * Has the kernel know the rules. `ranges`: of the pods of this node.
   *
   * @throws EvioError EVIO_DEVICE
   */
  apply(ranges: readonly string[]): void {
    const { home, nodeName } = this.#ports;
    const attached = new Map(attachedPods(home).map((pod) => [`${pod.namespace}/${pod.name}`, pod.ips]));
    const living = this.#pods.objects.filter(
      ({ spec, status }) => !spec.hostNetwork && status.phase !== 'Succeeded' && status.phase !== 'Failed',
    );
    const notedOf = ({ spec, metadata }: PodObject): readonly string[] | undefined =>
      spec.nodeName === nodeName ? attached.get(`${metadata.namespace}/${metadata.name}`) : undefined;
    // An address is one pod's: of who was connected with it, however long another that had it is still being ended.
    const taken = new Set<string>();
    const place = (pod: PodObject, ips: readonly string[]): PlacedPod[] => {
      const free = ips.filter((ip) => !taken.has(ip));
      for (const ip of free) taken.add(ip);
      return free.length === 0 ? [] : [{ pod, ips: free }];
    };
    const all = [
      ...living.flatMap((pod) => place(pod, notedOf(pod) ?? [])),
      ...living.flatMap((pod) =>
        notedOf(pod)
          ? []
          : place(
              pod,
              pod.status.podIPs.map(({ ip }) => ip),
            ),
      ),
    ];
    const local = all.filter(({ pod }) => pod.spec.nodeName === nodeName);
    const facts = {
      gates: compilePolicies({
        policies: this.#policies.objects,
        namespaces: this.#namespaces.objects,
        local,
        all,
      }),
      ranges,
      known: local.flatMap(({ ips }) => ips),
    };
    const text = policyScript({ ...facts, counts: {} });
    if (text === this.#applied && this.#present()) return;
    try {
      run(['nft', '-f', '-'], policyScript({ ...facts, counts: this.#counted() }));
      this.#applied = text;
    } catch (thrown) {
      throw new EvioError('EVIO_DEVICE', `NetworkPolicies cannot be put in force: ${messageOf(thrown)}.`, [
        'The agent needs nft and CAP_NET_ADMIN.',
      ]);
    }
  }

  #present(): boolean {
    return Object.keys(this.#counted()).length > 0;
  }

  /** What was counted until now, which the next table goes on from. */
  #counted(): Counts {
    try {
      const printed = run(['nft', '-j', 'list', 'counters', 'table', 'inet', tableName]);
      const { nftables } = JSON.parse(printed) as {
        nftables: { counter?: { name: string; packets: number; bytes: number } }[];
      };
      return Object.fromEntries(
        nftables.flatMap(({ counter }) => (counter ? [[counter.name, counter] as const] : [])),
      );
    } catch {
      // There is no table yet.
      return {};
    }
  }
}
