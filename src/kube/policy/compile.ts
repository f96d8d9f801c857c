/**
 * NetworkPolicies (`networking.k8s.io/v1`), as they concern the pods of one node: for each set of policies that selects pods there,
 * what may come in and go out. Pure.
 *
 *   pod ─▶ policies of its namespace that select it ─▶ one gate for all pods with the same policies
 *   gate ─▶ rules: these addresses, these ports; what none of them names is dropped
 */
import { isIP } from 'node:net';
import {
  selects,
  type NamespaceObject,
  type PodObject,
  type PolicyObject,
  type PolicyPeer,
  type PolicyPort,
} from './objects.js';

export type Direction = 'ingress' | 'egress';

/** Addresses of the other side. */
export interface Block {
  readonly cidr: string;
  readonly except: readonly string[];
}

export interface GateRule {
  /** Of which policy, as `namespace/name`. */
  readonly policy: string;
  /** Single addresses and blocks of the other side; undefined: anybody. */
  readonly peers: { readonly addresses: readonly string[]; readonly blocks: readonly Block[] } | undefined;
  /** `tcp`, `udp`, `sctp`; undefined: anything. */
  readonly protocol: string | undefined;
  /** First and last; undefined: any of the protocol. */
  readonly ports: readonly [number, number] | undefined;
  /** Only of these pods of the node, where a name stands for another number in each; undefined: all of the gate. */
  readonly own: readonly string[] | undefined;
}

/** What holds for pods that the same policies select. */
export interface Gate {
  readonly direction: Direction;
  /** Addresses of the pods. */
  readonly pods: readonly string[];
  readonly rules: readonly GateRule[];
}

/** A pod with the addresses that it has, also before Kubernetes says so. */
export interface PlacedPod {
  readonly pod: PodObject;
  readonly ips: readonly string[];
}

export interface PolicyFacts {
  readonly policies: readonly PolicyObject[];
  readonly namespaces: readonly NamespaceObject[];
  /** Those of the node. */
  readonly local: readonly PlacedPod[];
  /** Every pod of the cluster that has addresses, but for pods of the host's network. */
  readonly all: readonly PlacedPod[];
}

const nameOf = ({ metadata: { namespace, name } }: PolicyObject | PodObject): string =>
  `${namespace}/${name}`;

function directionsOf({ spec }: PolicyObject): readonly Direction[] {
  const types = spec.policyTypes ?? ['Ingress', ...(spec.egress.length > 0 ? ['Egress'] : [])];
  return (['ingress', 'egress'] as const).filter((direction) =>
    types.some((type) => type.toLowerCase() === direction),
  );
}

export function compilePolicies(facts: PolicyFacts): readonly Gate[] {
  const namespaces = new Map(facts.namespaces.map(({ metadata }) => [metadata.name, metadata.labels]));
  const gates = new Map<string, { direction: Direction; policies: PolicyObject[]; pods: PlacedPod[] }>();
  const sorted = [...facts.policies].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
  for (const placed of facts.local) {
    const { namespace, labels } = placed.pod.metadata;
    const own = sorted.filter(
      ({ metadata, spec }) => metadata.namespace === namespace && selects(spec.podSelector, labels),
    );
    for (const direction of ['ingress', 'egress'] as const) {
      const policies = own.filter((policy) => directionsOf(policy).includes(direction));
      if (policies.length === 0) continue;
      const key = [direction, ...policies.map(nameOf)].join(' ');
      const gate = gates.get(key);
      if (gate) gate.pods.push(placed);
      else gates.set(key, { direction, policies, pods: [placed] });
    }
  }
  return [...gates.values()].map(({ direction, policies, pods }) => ({
    direction,
    pods: pods.flatMap(({ ips }) => ips),
    rules: policies.flatMap((policy) => rulesOf(policy, direction, pods, facts.all, namespaces)),
  }));
}

type Labels = ReadonlyMap<string, Readonly<Record<string, string>>>;

function rulesOf(
  policy: PolicyObject,
  direction: Direction,
  own: readonly PlacedPod[],
  all: readonly PlacedPod[],
  namespaces: Labels,
): GateRule[] {
  const { ingress, egress } = policy.spec;
  const written =
    direction === 'ingress'
      ? ingress.map(({ from, ports }) => ({ peers: from, ports }))
      : egress.map(({ to, ports }) => ({ peers: to, ports }));
  return written.flatMap(({ peers, ports }) => {
    const others = peers.length === 0 ? undefined : othersOf(policy, peers, all, namespaces);
    const blocks = peers.flatMap(({ ipBlock }) => (ipBlock ? [ipBlock] : []));
    const base = {
      policy: nameOf(policy),
      peers: others && { addresses: others.flatMap(({ ips }) => ips), blocks },
      own: undefined,
    };
    if (ports.length === 0) return [{ ...base, protocol: undefined, ports: undefined }];
    return ports.flatMap((port): GateRule[] => {
      const protocol = port.protocol.toLowerCase();
      if (!['tcp', 'udp', 'sctp'].includes(protocol)) return [];
      if (port.port === undefined) return [{ ...base, protocol, ports: undefined }];
      if (typeof port.port === 'number')
        return [{ ...base, protocol, ports: [port.port, Math.max(port.port, port.endPort ?? port.port)] }];
      // A name is what the pod that is spoken to calls so.
      const spoken = direction === 'ingress' ? own : (others ?? all);
      return [...numbersOf(spoken, port)].map(([number, ips]) =>
        direction === 'ingress'
          ? { ...base, protocol, ports: [number, number], own: ips }
          : { ...base, protocol, ports: [number, number], peers: { addresses: ips, blocks: [] } },
      );
    });
  });
}

/** The pods that peers select. */
function othersOf(
  policy: PolicyObject,
  peers: readonly PolicyPeer[],
  all: readonly PlacedPod[],
  namespaces: Labels,
): PlacedPod[] {
  return all.filter(({ pod: { metadata } }) =>
    peers.some(({ podSelector, namespaceSelector, ipBlock }) => {
      if (ipBlock) return false;
      const there = namespaceSelector
        ? selects(namespaceSelector, namespaces.get(metadata.namespace) ?? {})
        : metadata.namespace === policy.metadata.namespace;
      return there && (podSelector === undefined || selects(podSelector, metadata.labels));
    }),
  );
}

/** Which number the name of a port stands for, and in which pods. */
function numbersOf(pods: readonly PlacedPod[], { port, protocol }: PolicyPort): Map<number, string[]> {
  const out = new Map<number, string[]>();
  for (const { pod, ips } of pods)
    for (const { ports } of pod.spec.containers)
      for (const named of ports)
        if (named.name === port && named.protocol === protocol)
          out.set(named.containerPort, [...(out.get(named.containerPort) ?? []), ...ips]);
  return out;
}

/** The addresses and ranges of a family, each once; what is none is left out, for these become words of a script. */
export function ofFamily(addresses: readonly string[], family: 4 | 6): string[] {
  return [...new Set(addresses)]
    .filter((address) => {
      const [ip = '', bits = '0', ...more] = address.split('/');
      if (isIP(ip) !== family || ip.includes('%') || more.length > 0) return false;
      return /^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128);
    })
    .sort();
}
