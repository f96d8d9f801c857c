/**
 * The range of this node's pods where the configuration names none: a subnet of the pool that this member announces, signed,
 * and that no other member held before. The announcement is the lease: the node keeps it in its profile, the network
 * agrees on whose it is, and the guard of every member lets its addresses through from here alone.
 */
import type { Home } from '../core/config/home.js';
import { BlockingClient } from '../core/control/client-blocking.js';
import { EvioError } from '../core/lib/errors.js';
import { cidrsOverlap, containsCidr, formatCidr, parseCidr, type Cidr } from '../core/lib/ipv4.js';
import { cidrOfPrefix } from '../core/lib/prefix.js';
import type { Config } from './config.js';
import { Code, CniError } from './errors.js';
import { listLinks } from './kernel/kernel.js';
import { pause } from '../core/lib/pause.js';
import { asAnswer } from './node.js';
import { machineNetworks } from './overlap.js';

/** Length of a node's range: 254 addresses. */
export const rangeLength = 24;
/** Time in which a member that chose the same at the same moment is heard of, ms. */
const settleMs = 400;
const attempts = 5;

/**
 * A subnet of the pool, of this length, that overlaps nothing that is taken; the search begins at the `from`-th. Undefined:
 * all are taken.
 */
export function freeRange(
  pool: Cidr,
  taken: readonly Cidr[],
  from: number,
  length = rangeLength,
): Cidr | undefined {
  const count = 2 ** Math.max(0, length - pool.prefix);
  for (let i = 0; i < count; i++) {
    const base = pool.base + ((from + i) % count) * 2 ** (32 - length);
    const range = { base, prefix: length };
    if (!taken.some((other) => cidrsOverlap(range, other))) return range;
  }
  return undefined;
}

/** The configuration of host-local for a range. For DEL and GC the pool will do: what is released is found by container. */
export function ipamFor(range: string): { type: string; ranges: { subnet: string }[][] } {
  return { type: 'host-local', ranges: [[{ subnet: range }]] };
}

/**
 * The range that this node holds in the pool; takes one when it has none yet.
 *
 * @throws CniError 11 when no node runs or the network does not answer, 7 when this member may not announce subnets.
 */
export function leasedRange({ network, pool, bridge }: Config, home: Home): string {
  const within = parseCidr(pool);
  if (within === undefined || within.prefix > rangeLength)
    throw new CniError(
      Code.config,
      `pool: ${pool} is no range of at least ${2 ** (32 - rangeLength)} IPv4 addresses`,
    );
  const member = network === undefined ? {} : { network };
  try {
    return BlockingClient.use(home.controlSocket, (client) => {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const { routes } = client.request('routes', member);
        const inPool = routes.flatMap((route) => {
          const cidr = parseCidr(route.cidr);
          return cidr !== undefined && cidrsOverlap(within, cidr) ? [{ ...route, range: cidr }] : [];
        });
        const own = inPool.find(
          (route) => route.own && route.range.prefix === rangeLength && containsCidr(within, route.range),
        );
        if (own?.state === 'announced') return own.cidr;
        if (own?.fault === 'right')
          throw new CniError(
            Code.config,
            'this member may not announce subnets, so the network gives its pods no range',
            'join with an invite of: evio token create --right route',
          );
        if (own !== undefined) client.request('routeWithdraw', { ...member, cidr: own.cidr });
        const taken = inPool.filter((route) => route !== own).map((route) => route.range);
        const used = machineNetworks(listLinks(), bridge);
        const unfit = used.flatMap(({ range }) => cidrOfPrefix(range) ?? []);
        const from = Math.floor(Math.random() * 2 ** (rangeLength - within.prefix));
        const range = freeRange(within, [...taken, ...unfit], from);
        if (range === undefined && freeRange(within, taken, from) !== undefined)
          throw new CniError(
            Code.config,
            `pool: what is free of ${pool} overlaps networks of this machine`,
            used.map(({ device, cidr }) => `${device}: ${cidr}`).join(', '),
          );
        if (range === undefined) throw new CniError(Code.tryAgain, `all ranges of ${pool} are taken`);
        client.request('routeAccept', { ...member, cidr: pool });
        client.request('routeAnnounce', { ...member, cidr: formatCidr(range) });
        pause(settleMs);
      }
      throw new CniError(Code.tryAgain, `no range of ${pool} could be had in ${attempts} attempts`);
    });
  } catch (thrown) {
    throw thrown instanceof EvioError ? asAnswer(thrown) : thrown;
  }
}
