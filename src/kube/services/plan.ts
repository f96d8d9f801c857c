/** Which Service gets which address, and which nodes hold it. Pure. */
import { formatIpv4, parseIpv4, type Cidr } from '../../core/lib/ipv4.js';
import {
  isReady,
  serviceLabel,
  type NodeObject,
  type ServiceObject,
  type SliceObject,
} from '../api/objects.js';

/** Services that name another class belong to another implementation. */
export const serviceClass = 'evio.dev/member';
/** One holds an address, the next stands in for it. */
const holdersEach = 2;

export function isOurs({ spec, metadata }: ServiceObject): boolean {
  const { type, loadBalancerClass } = spec;
  const named = loadBalancerClass === undefined || loadBalancerClass === serviceClass;
  return type === 'LoadBalancer' && named && metadata.deletionTimestamp === undefined;
}

/** The address that the Service has of the pool. */
export function addressOf({ status }: ServiceObject, pool: Cidr): string | undefined {
  return status.loadBalancer.ingress.map(({ ip }) => ip).find((ip) => ip !== undefined && isIn(ip, pool));
}

function isIn(ip: string, pool: Cidr): boolean {
  const address = parseIpv4(ip);
  if (address === undefined) return false;
  const offset = (address >>> 0) - (pool.base >>> 0);
  return offset >= 0 && offset < 2 ** (32 - pool.prefix);
}

export interface Assignment {
  readonly namespace: string;
  readonly name: string;
  readonly ip: string;
}

/**
 * Addresses for Services that have none yet, the oldest of equals first by name. What a Service asks for
 * (`spec.loadBalancerIP`) it gets if that is free, else it waits. Two Services that have the same address: the second by
 * name gets another.
 */
export function assignments(services: readonly ServiceObject[], pool: Cidr): readonly Assignment[] {
  const sorted = services.filter(isOurs).sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
  const taken = new Set<string>();
  const lacking = sorted.filter((service) => {
    const ip = addressOf(service, pool);
    if (ip === undefined || taken.has(ip)) return true;
    taken.add(ip);
    return false;
  });
  const size = 2 ** (32 - pool.prefix);
  // The first and the last address of a range mean something else to some programs.
  const [first, last] = size > 2 ? [1, size - 2] : [0, size - 1];
  let next = first;
  return lacking.flatMap((service) => {
    const asked = service.spec.loadBalancerIP;
    let ip: string | undefined;
    if (asked !== undefined && asked !== '') ip = isIn(asked, pool) && !taken.has(asked) ? asked : undefined;
    else
      for (; next <= last && ip === undefined; next++) {
        const candidate = formatIpv4((pool.base + next) | 0);
        if (!taken.has(candidate)) ip = candidate;
      }
    if (ip === undefined) return [];
    taken.add(ip);
    const { namespace, name } = service.metadata;
    return [{ namespace, name, ip }];
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
 * endpoint. Every node computes the same (rendezvous hashing), and few addresses move when a node comes or goes.
 */
export function holdersOf(
  service: ServiceObject,
  nodes: readonly NodeObject[],
  slices: readonly SliceObject[],
): readonly string[] {
  const local = service.spec.externalTrafficPolicy === 'Local';
  const withEndpoints = local ? nodesWithEndpoints(service, slices) : undefined;
  const key = keyOf(service);
  return nodes
    .filter((node) => isReady(node) && withEndpoints?.has(node.metadata.name) !== false)
    .map(({ metadata: { name } }) => ({ name, weight: hash(`${key} ${name}`) }))
    .sort((a, b) => b.weight - a.weight || (a.name < b.name ? -1 : 1))
    .slice(0, holdersEach)
    .map(({ name }) => name);
}
