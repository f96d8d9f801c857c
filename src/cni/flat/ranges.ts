/**
 * The ranges of the network that this node holds for its pods: announced, signed, and ruled on as subnets are
 * (core/subnets/pods.ts). The announcement is the network's lease; the addresses in it are given by the machine (leases.ts).
 */
import type { BlockingClient } from '../../core/control/client-blocking.js';
import type { Result } from '../../core/control/methods.js';
import { addressBytes } from '../../core/lib/endpoint.js';
import { EvioError } from '../../core/lib/errors.js';
import {
  cidrsOverlap,
  containsCidr,
  formatCidr,
  parseCidr,
  parseIpv4,
  type Cidr,
} from '../../core/lib/ipv4.js';
import { Code, CniError } from '../errors.js';
import { freeRange } from '../lease.js';
import { pause } from '../../core/lib/pause.js';

/** Length of one: 16 addresses. */
export const podRangeLength = 28;
/** Time in which a member that chose the same at the same moment is heard of, ms. */
const settleMs = 400;
const attempts = 5;

type Routes = Result<'routes'>['routes'];

/** The network as a pod sees it. */
export interface Place {
  /** Id of the network. */
  readonly network: string;
  readonly cidr: Cidr;
  /** Upper half of its IPv6 addresses, 8 bytes. */
  readonly prefix6: Uint8Array;
  /** Evio's interface, and this node's address. */
  readonly device: string;
  readonly ip: string;
}

/** Throws CniError (7) where the network has no room for such ranges. */
export function placeOf(client: BlockingClient, network: string | undefined): Place {
  const status = client.request('status', network === undefined ? {} : { network });
  const cidr = parseCidr(status.network.cidr);
  if (cidr === undefined || cidr.prefix > podRangeLength)
    throw new CniError(Code.config, `the network ${status.network.cidr} is too small for pods of its own`);
  const prefix6 = (addressBytes(status.network.cidr6.split('/')[0] ?? '') ?? new Uint8Array(16)).slice(0, 8);
  return { network: status.network.id, cidr, prefix6, device: status.device.name, ip: status.node.ip };
}

/** Does a member have this address? The node knows, or a relay, where those do not tell of everybody. */
export function isMembers(client: BlockingClient, { network }: Place, ip: string): boolean {
  try {
    client.request('why', { network, peer: ip });
    return true;
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_UNKNOWN_PEER') return false;
    throw thrown;
  }
}

function inside(routes: Routes, cidr: Cidr): (Routes[number] & { readonly range: Cidr })[] {
  return routes.flatMap((route) => {
    const range = parseCidr(route.cidr);
    return range !== undefined && cidrsOverlap(cidr, range) ? [{ ...route, range }] : [];
  });
}

/** Those that the network has given to this node. */
export function heldRanges(client: BlockingClient, { network, cidr }: Place): Cidr[] {
  const { routes } = client.request('routes', { network });
  return inside(routes, cidr).flatMap(({ own, state, range }) =>
    own && state === 'announced' && containsCidr(cidr, range) ? [range] : [],
  );
}

/** The largest range that has this address and overlaps nothing that is taken. */
function rangeAround(ip: string, taken: readonly Cidr[]): Cidr | undefined {
  for (let prefix = podRangeLength; prefix <= 32; prefix++) {
    const size = 2 ** (32 - prefix);
    const range = { base: Math.floor((parseIpv4(ip) ?? 0) / size) * size, prefix };
    if (!taken.some((other) => cidrsOverlap(range, other))) return range;
  }
  return undefined;
}

/**
 * Takes one more range, in which no member that is known here has an address; with the `wanted` address where there is one.
 *
 * @param announced is told of each that is tried, at once
 * @throws CniError 11 when none can be had, 7 when this member may not announce subnets
 */
export function takeRange(
  client: BlockingClient,
  place: Place,
  wanted: string | undefined,
  announced: (range: Cidr) => void,
): Cidr {
  const { network, cidr, ip } = place;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const { routes } = client.request('routes', { network });
    const { peers } = client.request('peers', { network });
    const members = [ip, ...peers.map((peer) => peer.ip)].flatMap((text) => {
      const base = parseIpv4(text);
      return base === undefined ? [] : [{ base, prefix: 32 }];
    });
    const taken = [...inside(routes, cidr).map(({ range }) => range), ...members];
    const from = Math.floor(Math.random() * 2 ** (podRangeLength - cidr.prefix));
    const range =
      wanted === undefined ? freeRange(cidr, taken, from, podRangeLength) : rangeAround(wanted, taken);
    if (range === undefined) break;
    const text = formatCidr(range);
    client.request('routeAnnounce', { network, cidr: text });
    announced(range);
    pause(settleMs);
    const after = client.request('routes', { network });
    const own = after.routes.find((route) => route.own && route.cidr === text);
    if (own?.state === 'announced') return range;
    if (own !== undefined) client.request('routeWithdraw', { network, cidr: text });
    if (own?.fault === 'right')
      throw new CniError(
        Code.config,
        'this member may not announce subnets, so the network gives its pods no addresses',
        'join with an invite of: evio token create --right route',
      );
  }
  throw new CniError(
    Code.tryAgain,
    wanted === undefined
      ? `no range of ${formatCidr(cidr)} could be had for pods`
      : `${wanted}, which a pod asks for, is of a member or of the pods of another node`,
  );
}

/** Gives back ranges in which no pod has an address any more. */
export function returnRanges(client: BlockingClient, { network }: Place, ranges: readonly Cidr[]): void {
  for (const range of ranges) client.request('routeWithdraw', { network, cidr: formatCidr(range) });
}
