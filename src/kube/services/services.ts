/**
 * Addresses for Services of `type: LoadBalancer`. An address is a subnet of its own length that two nodes announce as shared: the
 * network sends to the earlier one while it answers, and to the other within two seconds after, whatever the API server is
 * doing. On the node kube-proxy takes the packets over.
 *
 *   Service ──▶ the agent with the lease writes an address of the pool into its status
 *   status, endpoints, nodes ──▶ each agent: am I one of the two? ──▶ subnets of this member
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../../core/lib/errors.js';
import { formatPrefix } from '../../core/lib/prefix.js';
import type { ApiClient } from '../api/client.js';
import { Mirror } from '../api/mirror.js';
import {
  serviceObject,
  sliceObject,
  type NodeObject,
  type ServiceObject,
  type SliceObject,
} from '../api/objects.js';
import type { ServicesHost, WantedServices } from './host.js';
import { Lease, renewEveryMs } from './lease.js';
import { addressesOf, assignments, holdersOf, isOurs, keyOf } from './plan.js';
import { asRange, type Pools } from './pools.js';

/** Between two looks for Services without an address, ms. */
const assignEveryMs = 500;

export interface ServicesOptions {
  readonly client: ApiClient;
  readonly pools: Pools;
  /** Where the lease is. */
  readonly namespace: string;
  readonly nodeName: string;
  readonly changed: () => void;
  /** An address could not be given. */
  readonly failed: (reason: string) => void;
}

export class Services implements ServicesHost {
  readonly #options: ServicesOptions;
  readonly #services: Mirror<ServiceObject>;
  readonly #slices: Mirror<SliceObject>;
  readonly #lease: Lease;
  #held: ReadonlyMap<string, string> = new Map();

  constructor(options: ServicesOptions) {
    this.#options = options;
    const { client, changed, namespace, nodeName } = options;
    const ports = { changed, reached: () => undefined };
    this.#services = new Mirror(client, '/api/v1/services', serviceObject, ports);
    this.#slices = new Mirror(client, '/apis/discovery.k8s.io/v1/endpointslices', sliceObject, ports);
    this.#lease = new Lease(client, namespace, nodeName);
  }

  get synced(): boolean {
    return this.#services.synced && this.#slices.synced;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#services.run(signal), this.#slices.run(signal), this.#assign(signal)]);
  }

  wanted(node: string, nodes: readonly NodeObject[]): WantedServices {
    const { pools } = this.#options;
    const held = new Map<string, string>();
    for (const service of this.#services.objects) {
      const ips = isOurs(service) ? [...addressesOf(service, pools).values()] : [];
      if (ips.length === 0 || !holdersOf(service, nodes, this.#slices.objects).includes(node)) continue;
      for (const ip of ips) held.set(asRange(ip), keyOf(service));
    }
    const before = this.#held;
    this.#held = held;
    const news = [
      ...[...before].filter(([ip]) => !held.has(ip)).map(([ip, name]) => ({ ip, name, held: false })),
      ...[...held].filter(([ip]) => !before.has(ip)).map(([ip, name]) => ({ ip, name, held: true })),
    ];
    return {
      pools: [...pools.values()].map(formatPrefix),
      held,
      news: news.map((item) => ({ event: 'service', ...item })),
    };
  }

  /** Gives addresses while this agent holds the lease. */
  async #assign(signal: AbortSignal): Promise<void> {
    const { pools, client, failed } = this.#options;
    let holds = false;
    let renewAt = -Infinity;
    while (!signal.aborted) {
      try {
        const now = performance.now();
        if (now >= renewAt) {
          renewAt = now + renewEveryMs;
          holds = false;
          holds = await this.#lease.hold(now, new Date());
        }
        if (holds && this.synced)
          for (const { namespace, name, ips } of assignments(this.#services.objects, pools)) {
            const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/services/${encodeURIComponent(name)}/status`;
            const ingress = ips.map((ip) => ({ ip }));
            await client.request('PATCH', path, { status: { loadBalancer: { ingress } } });
          }
      } catch (thrown) {
        if (!signal.aborted) failed(`no addresses for Services can be given: ${messageOf(thrown)}`);
        await sleep(renewEveryMs, undefined, { signal }).catch(() => undefined);
      }
      await sleep(assignEveryMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
