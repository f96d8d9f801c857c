/**
 * The agent of a Kubernetes node: makes evio on this machine what the cluster says of it.
 *
 *   Node objects ──▶ mirror ─┐                  ┌──▶ subnets of this member: its PodCIDRs, announced and signed
 *                            ├─▶ one look ──────┼──▶ ranges of other nodes, accepted
 *   node of evio ──▶ status ─┘  (every 2 s, or   ├──▶ the CNI configuration: there while pods can be connected
 *                               when told)      ├──▶ NetworkPolicies, as rules of nftables, where asked for
 *                                               └──▶ annotations of the Node
 *
 * A look compares what is with what should be, so nothing is lost by a restart. While the API server is gone the last
 * state that it told stays in force; while evio is gone for longer than a restart takes, the node is not ready.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { defaultBridge } from '../cni/config.js';
import type { Home } from '../core/config/home.js';
import { ControlClient } from '../core/control/client.js';
import type { Result } from '../core/control/methods.js';
import { EvioError, messageOf, type ErrorCode } from '../core/lib/errors.js';
import { Mirror } from './api/mirror.js';
import { nodeObject, podRangesOf, type NodeObject } from './api/objects.js';
import type { ApiClient } from './api/client.js';
import type { Conflist } from './conflist.js';
import { HoldingsFile } from './holdings.js';
import { machineRanges } from './machine.js';
import { acceptableRanges, checkRanges } from './ranges.js';
import { Policies } from './policy/host.js';
import type { ServicesHost } from './services/host.js';
import { settle, stepsTo, type RouteReports } from './subnets.js';
import { annotationsOf } from './topology.js';

/** Between two looks when nothing is told, ms. */
const lookEveryMs = 2_000;
/** What is told at once is looked at once, ms. */
const settleMs = 50;
/** evio may be away for so long before the node is called not ready: a restart, an upgrade. ms */
const graceMs = 15_000;
/** Annotations change with every path: written this often at most, ms. */
const annotateEveryMs = 30_000;

export type AgentEvent =
  | { readonly event: 'started'; readonly node: string; readonly server: string }
  | { readonly event: 'ready'; readonly ranges: readonly string[]; readonly ip: string }
  | {
      readonly event: 'not-ready' | 'warning';
      readonly code: ErrorCode;
      readonly message: string;
      readonly suggestions: readonly string[];
    }
  | { readonly event: 'api-lost'; readonly message: string }
  | { readonly event: 'api-back' }
  | { readonly event: 'service'; readonly ip: string; readonly name: string; readonly held: boolean }
  | { readonly event: 'stopped' };

export interface AgentOptions {
  readonly home: Home;
  /** Name or id of the evio network; undefined: the only one. */
  readonly network: string | undefined;
  /** Of the Node object. */
  readonly nodeName: string;
  readonly client: ApiClient;
  readonly conflist: Conflist;
  readonly emit: (event: AgentEvent) => void;
  /** NetworkPolicies are put in force for the pods of this node. */
  readonly policies: boolean;
  /** Addresses of Services; undefined: none are given. */
  readonly services: ((changed: () => void, failed: (reason: string) => void) => ServicesHost) | undefined;
}

export class Agent {
  readonly #options: AgentOptions;
  readonly #holdings: HoldingsFile;
  readonly #nodes: Mirror<NodeObject>;
  readonly #services: ServicesHost | undefined;
  readonly #policies: Policies | undefined;
  #wake: () => void = () => undefined;
  #told = false;
  /** What was emitted last, so that it is not said twice. */
  #said = '';
  readonly #warned = new Set<string>();
  #downSince = Infinity;
  #apiLost = false;
  #annotated = '';
  #annotatedAt = -Infinity;

  constructor(options: AgentOptions) {
    this.#options = options;
    this.#holdings = new HoldingsFile(options.home);
    const changed = (): void => this.#nudge();
    const reached = (failure: string | undefined): void => this.#reached(failure);
    this.#nodes = new Mirror(options.client, '/api/v1/nodes', nodeObject, { changed, reached });
    if (options.policies)
      this.#policies = new Policies({
        client: options.client,
        home: options.home.path,
        nodeName: options.nodeName,
        changed,
      });
    this.#services = options.services?.(changed, (reason) =>
      this.#warn(new EvioError('EVIO_KUBE_ACCESS', reason)),
    );
  }

  /** Looks and acts until the signal. Leaves everything as it is then: pods go on, and the next agent takes over. */
  async run(signal: AbortSignal): Promise<void> {
    const { emit, nodeName, client } = this.#options;
    emit({ event: 'started', node: nodeName, server: client.server });
    const told = [this.#nodes, this.#services, this.#policies];
    const mirrors = told.flatMap((mirror) => (mirror ? [mirror.run(signal)] : []));
    while (!signal.aborted) {
      this.#told = false;
      await this.#look();
      if (!this.#told && !signal.aborted) await this.#pause(signal);
      await sleep(settleMs, undefined, { signal }).catch(() => undefined);
    }
    await Promise.all(mirrors);
    emit({ event: 'stopped' });
  }

  #nudge(): void {
    this.#told = true;
    this.#wake();
  }

  #pause(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', done);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(done, lookEveryMs);
      signal.addEventListener('abort', done, { once: true });
      this.#wake = done;
    });
  }

  async #look(): Promise<void> {
    const { home, network, conflist } = this.#options;
    let client: ControlClient | undefined;
    try {
      client = await ControlClient.connect(home.controlSocket);
      const status = await client.request('status', network === undefined ? {} : { network });
      this.#downSince = Infinity;
      conflist.check();
      await this.#reconcile(client, status);
    } catch (thrown) {
      this.#failed(thrown instanceof EvioError ? thrown : new EvioError('EVIO_INTERNAL', messageOf(thrown)));
    } finally {
      client?.close();
    }
  }

  async #reconcile(client: ControlClient, status: Result<'status'>): Promise<void> {
    const { nodeName, conflist } = this.#options;
    // Since this agent began, the API server has told nothing yet: what the last one did stays.
    if ([this.#nodes, this.#services, this.#policies].some((told) => told?.synced === false)) {
      if (conflist.present) return;
      throw new EvioError('EVIO_KUBE_ACCESS', 'The API server has not answered yet.');
    }
    const node = this.#nodes.get(nodeName);
    if (node === undefined)
      throw new EvioError('EVIO_POD_RANGE', `Kubernetes knows no Node called ${nodeName}.`, [
        'Is the kubelet running? Another name is given by --node-name.',
      ]);
    const machine = machineRanges([status.device.name, defaultBridge]);
    const ranges = checkRanges(podRangesOf(node), status.network.cidr, machine);
    const others = this.#nodes.objects.filter((other) => other !== node).flatMap(podRangesOf);
    const wanted = this.#services?.wanted(nodeName, this.#nodes.objects);
    const held = this.#holdings.read(status.network.id, status.node.id);
    const accepted = acceptableRanges(others, status.network.cidr, ranges, machine);
    const steps = stepsTo(
      {
        announced: new Map<string, { shared: boolean }>([
          ...[...(wanted?.held.keys() ?? [])].map((cidr) => [cidr, { shared: true }] as const),
          ...ranges.map((cidr) => [cidr, { shared: false }] as const),
        ]),
        accepted: new Set([...accepted, ...(wanted?.pools ?? [])]),
      },
      await this.#routesOf(client, status.network.id),
      held,
    );
    const { routes, failures } = await settle(client, this.#holdings, steps, held);
    for (const cidr of ranges) requireOwn(cidr, routes, failures.get(cidr));
    for (const [cidr, failure] of failures) if (!ranges.includes(cidr)) this.#warn(failure);
    if (ranges.length === 0)
      throw new EvioError('EVIO_POD_RANGE', `Kubernetes has given the node ${nodeName} no PodCIDR yet.`, [
        'The controller manager gives them with --allocate-node-cidrs and --cluster-cidr.',
      ]);
    // Before a pod can be connected.
    this.#policies?.apply(ranges);
    conflist.write({
      ranges,
      network: status.network.id,
      device: status.device.name,
      policy: this.#policies !== undefined,
    });
    this.#say({ event: 'ready', ranges, ip: status.node.ip });
    this.#checkAddress(node, status.node.ip);
    for (const event of wanted?.news ?? []) this.#options.emit(event);
    await this.#annotate(client, node, status);
  }

  async #routesOf(client: ControlClient, network: string): Promise<RouteReports> {
    return (await client.request('routes', { network })).routes;
  }

  /** Kubelet's own address should be evio's: else logs, exec and pods of the host's network go past it, or nowhere. */
  #checkAddress({ status }: NodeObject, ip: string): void {
    const internal = status.addresses.filter(({ type }) => type === 'InternalIP');
    if (internal.length === 0 || internal.some(({ address }) => address === ip)) return;
    this.#warn(
      new EvioError(
        'EVIO_POD_RANGE',
        `Kubernetes knows this node by ${internal[0]?.address ?? ''}, not by its address in the network, ${ip}.`,
        [`Start the kubelet with --node-ip ${ip}.`],
      ),
    );
  }

  async #annotate(client: ControlClient, node: NodeObject, status: Result<'status'>): Promise<void> {
    const now = performance.now();
    if (now - this.#annotatedAt < annotateEveryMs) return;
    this.#annotatedAt = now;
    const { peers } = await client.request('peers', { network: status.network.id });
    const annotations = annotationsOf(status, peers);
    const text = JSON.stringify(annotations);
    const { metadata } = node;
    const stands = Object.entries(annotations).every(([key, value]) => metadata.annotations[key] === value);
    if (stands && text === this.#annotated) return;
    try {
      const path = `/api/v1/nodes/${encodeURIComponent(metadata.name)}`;
      await this.#options.client.request('PATCH', path, { metadata: { annotations } });
      this.#annotated = text;
    } catch (thrown) {
      // Of no weight for pods: tried again with the next change.
      this.#warn(new EvioError('EVIO_KUBE_ACCESS', `The Node cannot be annotated: ${messageOf(thrown)}`));
    }
  }

  #failed(error: EvioError): void {
    const { conflist } = this.#options;
    if (error.code === 'EVIO_NOT_RUNNING' || error.code === 'EVIO_TIMEOUT') {
      const now = performance.now();
      this.#downSince = Math.min(this.#downSince, now);
      if (conflist.present && now - this.#downSince < graceMs) return;
    }
    conflist.remove();
    const { code, message, suggestions } = error;
    this.#say({ event: 'not-ready', code, message, suggestions });
  }

  #reached(failure: string | undefined): void {
    const lost = failure !== undefined;
    if (lost === this.#apiLost) return;
    this.#apiLost = lost;
    this.#options.emit(lost ? { event: 'api-lost', message: failure } : { event: 'api-back' });
  }

  #say(event: AgentEvent): void {
    const text = JSON.stringify(event);
    if (text === this.#said) return;
    this.#said = text;
    this.#options.emit(event);
  }

  /** Once each. */
  #warn({ code, message, suggestions }: EvioError): void {
    if (this.#warned.has(message)) return;
    if (this.#warned.size >= 100) this.#warned.clear();
    this.#warned.add(message);
    this.#options.emit({ event: 'warning', code, message, suggestions });
  }
}

/** Throws EvioError where the range is not this member's: EVIO_SUBNET_TAKEN, EVIO_NO_RIGHT, EVIO_POD_RANGE. */
function requireOwn(cidr: string, routes: RouteReports, failure: EvioError | undefined): void {
  if (failure !== undefined) throw failure;
  const route = routes.find((route) => route.own && route.cidr === cidr);
  if (route?.state === 'announced') return;
  const holder = route?.holder ?? null;
  throw new EvioError(
    holder === null ? 'EVIO_POD_RANGE' : 'EVIO_SUBNET_TAKEN',
    holder === null
      ? `The network does not give ${cidr} to this member (${route?.fault ?? 'unknown'}).`
      : `The member ${holder} announced ${cidr}, the PodCIDR of this node, or a part of it, before this one.`,
    ['evio route list'],
  );
}
