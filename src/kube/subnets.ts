/** Makes what this member announces and accepts into what Kubernetes says: what is missing is added, what is stale goes. */
import type { ControlClient } from '../core/control/client.js';
import type { Result } from '../core/control/methods.js';
import { EvioError } from '../core/lib/errors.js';
import type { Holdings, HoldingsFile } from './holdings.js';

export type RouteReports = Result<'routes'>['routes'];

export interface WantedSubnets {
  /** Ranges that lie behind this node, and whether others may announce them as well. */
  readonly announced: ReadonlyMap<string, { readonly shared: boolean }>;
  /** Ranges whose packets go to who announces them. */
  readonly accepted: ReadonlySet<string>;
}

/** What is to be done, in this order. Pure. */
export interface SubnetSteps {
  readonly withdraw: readonly string[];
  readonly announce: readonly { readonly cidr: string; readonly shared: boolean }[];
  readonly refuse: readonly string[];
  readonly accept: readonly string[];
  /** What is ours once it is done. */
  readonly holdings: Holdings;
}

export function stepsTo(wanted: WantedSubnets, routes: RouteReports, held: Holdings): SubnetSteps {
  const own = new Map(routes.filter((route) => route.own).map((route) => [route.cidr, route]));
  const accepted = new Set(held.accepted);
  return {
    withdraw: held.announced.filter((cidr) => own.has(cidr) && !wanted.announced.has(cidr)),
    announce: [...wanted.announced]
      .filter(([cidr, { shared }]) => own.get(cidr)?.shared !== shared)
      .map(([cidr, { shared }]) => ({ cidr, shared })),
    refuse: held.accepted.filter((cidr) => !wanted.accepted.has(cidr)),
    accept: [...wanted.accepted].filter((cidr) => !accepted.has(cidr)),
    holdings: {
      ...held,
      // Who announced it before us, a person say, announces it after us.
      announced: [...wanted.announced.keys()].filter(
        (cidr) => !own.has(cidr) || held.announced.includes(cidr),
      ),
      accepted: [...wanted.accepted],
    },
  };
}

export interface Settled {
  /** What the node says of subnets afterwards. */
  readonly routes: RouteReports;
  /** Ranges that could not be announced. */
  readonly failures: ReadonlyMap<string, EvioError>;
}

function same(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text) => b.includes(text));
}

/**
 * Does it. What is to be ours stands on disk before, so that a kill leaves nothing that nobody knows of.
 *
 * @throws EvioError as the node answers to anything but an announcement, EVIO_STORAGE
 */
export async function settle(
  client: ControlClient,
  file: HoldingsFile,
  steps: SubnetSteps,
  held: Holdings,
): Promise<Settled> {
  const { withdraw, announce, refuse, accept, holdings } = steps;
  const { network } = holdings;
  const both = {
    ...holdings,
    announced: [...new Set([...held.announced, ...holdings.announced])],
    accepted: [...new Set([...held.accepted, ...holdings.accepted])],
  };
  const write = (next: Holdings, before: Holdings): void => {
    if (!same(next.announced, before.announced) || !same(next.accepted, before.accepted)) file.write(next);
  };
  const failures = new Map<string, EvioError>();
  write(both, held);
  for (const cidr of withdraw) await client.request('routeWithdraw', { network, cidr });
  for (const { cidr, shared } of announce) {
    try {
      await client.request('routeAnnounce', { network, cidr, shared });
    } catch (thrown) {
      if (!(thrown instanceof EvioError)) throw thrown;
      failures.set(cidr, thrown);
    }
  }
  for (const cidr of refuse) await client.request('routeAccept', { network, cidr, accepted: false });
  for (const cidr of accept) await client.request('routeAccept', { network, cidr, accepted: true });
  write(holdings, both);
  const { routes } = await client.request('routes', { network });
  return { routes, failures };
}
