/** Which Service gets which address, and which nodes hold it. Pure. */
import {
  isReady,
  serviceLabel,
  type NodeObject,
  type ServiceObject,
  type SliceObject,
} from '../api/objects.js';
import type { Prefix } from '../../core/lib/prefix.js';
import { addressesIn, pooled, type Family, type Pools } from './pools.js';

/** Services that name another class belong to another implementation. */
export const serviceClass = 'evio.dev/member';
/** One holds an address, the next stands in for it. */
const holdersEach = 2;

export function isOurs({ spec, metadata }: ServiceObject): boolean {
  const { type, loadBalancerClass } = spec;
  const named = loadBalancerClass === undefined || loadBalancerClass === serviceClass;
  return type === 'LoadBalancer' && named && metadata.deletionTimestamp === undefined;
}

/** Families that the Service has, and of which there is a pool; the first is its own first. */
function familiesOf({ spec }: ServiceObject, pools: Pools): readonly Family[] {
  return spec.ipFamilies.filter((family) => pools.has(family));
}

/** The addresses that the Service has of the pools: one of each of its families at most. */
export function addressesOf(service: ServiceObject, pools: Pools): ReadonlyMap<Family, string> {
  const found = new Map<Family, string>();
  const families = familiesOf(service, pools);
  for (const { ip } of service.status.loadBalancer.ingress) {
    const has = ip === undefined ? undefined : pooled(ip, pools);
    if (has && families.includes(has.family) && !found.has(has.family)) found.set(has.family, has.ip);
  }
  return found;
}

export interface Assignment {
  readonly namespace: string;
  readonly name: string;
  /** All that the Service is to have. */
  readonly ips: readonly string[];
}

/** Those that nobody has when it is their turn. */
function* freeIn(pool: Prefix, taken: ReadonlySet<string>): Generator<string, undefined> {
  for (const ip of addressesIn(pool)) if (!taken.has(ip)) yield ip;
  return undefined;
}

/**
 * Addresses for Services that lack one of a family, the oldest of equals first by name. What a Service asks for
 * (`spec.loadBalancerIP`) it gets if that is free, else it waits. Two Services that have the same address: the second by
 * name gets another.
 */
export function assignments(services: readonly ServiceObject[], pools: Pools): readonly Assignment[] {
  const sorted = services.filter(isOurs).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const taken = new Set<string>();
  const had = sorted.map((service) => {
    const own = new Map<Family, string>();
    for (const [family, ip] of addressesOf(service, pools))
      if (!taken.has(ip)) {
        taken.add(ip);
        own.set(family, ip);
      }
    return own;
  });
  const free = new Map([...pools].map(([family, pool]) => [family, freeIn(pool, taken)] as const));
  return sorted.flatMap((service, i) => {
    const own = had[i] ?? new Map<Family, string>();
    const lacking = familiesOf(service, pools).filter((family) => !own.has(family));
    const wish = service.spec.loadBalancerIP ?? '';
    const granted = wish === '' ? undefined : pooled(wish, pools);
    for (const family of lacking) {
      let ip: string | undefined;
      if (wish === '' || (granted && granted.family !== family)) ip = free.get(family)?.next().value;
      else if (granted && !taken.has(granted.ip)) ip = granted.ip;
      if (ip === undefined) continue;
      taken.add(ip);
      own.set(family, ip);
    }
    if (!lacking.some((family) => own.has(family))) return [];
    const { namespace, name } = service.metadata;
    const ips = familiesOf(service, pools).flatMap((family) => own.get(family) ?? []);
    return [{ namespace, name, ips }];
  });
}

export function keyOf({ metadata: { namespace, name } }: ServiceObject): string {
  return `${namespace}/${name}`;
}

/** FNV-1a, 32 bits. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193);
  // Its high bits hardly depend on the last characters: mixed as MurmurHash3 does.
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  return (value ^ (value >>> 13)) >>> 0;
}

/** Nodes with a ready endpoint of the Service. */
function nodesWithEndpoints(service: ServiceObject, slices: readonly SliceObject[]): ReadonlySet<string> {
  const { namespace, name } = service.metadata;
  return new Set(
    slices
      .filter(({ metadata }) => metadata.namespace === namespace && metadata.labels[serviceLabel] === name)
      .flatMap(({ endpoints }) => endpoints ?? [])
      .flatMap(({ nodeName, conditions }) =>
        nodeName === undefined || conditions.ready === false ? [] : [nodeName],
      ),
  );
}

/**
 * The nodes that hold the Service's address: two of those that are ready, and with `externalTrafficPolicy: Local` have an
 * endpoint. Where none is ready it is not the nodes that are at fault (an API server that was gone takes all for lost at first), and
 * any may hold it. Every node computes the same (rendezvous hashing), and few addresses move when a node comes or goes.
 */
export function holdersOf(
  service: ServiceObject,
  nodes: readonly NodeObject[],
  slices: readonly SliceObject[],
): readonly string[] {
  const local = service.spec.externalTrafficPolicy === 'Local';
  const withEndpoints = local ? nodesWithEndpoints(service, slices) : undefined;
  const key = keyOf(service);
  const ready = nodes.filter(isReady);
  return (ready.length > 0 ? ready : nodes)
    .filter((node) => withEndpoints?.has(node.metadata.name) !== false)
    .map(({ metadata: { name } }) => ({ name, weight: hash(`${key} ${name}`) }))
    .sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .slice(0, holdersEach)
    .map(({ name }) => name);
}
