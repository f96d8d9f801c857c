/** ADD of a pod that is a neighbour in the network. */
import { existsSync } from 'node:fs';
import { ControlClient } from '../../core/control/client.js';
import { EvioError } from '../../core/lib/errors.js';
import { containsCidr, formatCidr, parseIpv4, type Cidr } from '../../core/lib/ipv4.js';
import { lockOf, type Context } from '../commands/context.js';
import { unplug } from '../bridge.js';
import { Code, CniError } from '../errors.js';
import { listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { linkName, macOf } from '../names.js';
import { asAnswer, evioLink } from '../node.js';
import { configure } from '../pod.js';
import { Network } from '../programs.js';
import type { Parameters } from '../request.js';
import type { Addresses, Result } from '../result.js';
import { Leases } from './leases.js';
import { isUsed } from './probe.js';
import { heldRanges, placeOf, takeRange, type Place } from './ranges.js';
import { ip6Of, namesOf, plug, range6Of, tidy, unroute } from './wiring.js';

/** Addresses that somebody else was found to use before it is given up. */
const attempts = 4;

/** On any failure nothing of the pod is left. Throws CniError. */
export async function add(context: Context, parameters: Parameters): Promise<Result> {
  if (!existsSync(parameters.netns))
    throw new CniError(Code.environment, `CNI_NETNS: there is no namespace at ${parameters.netns}`);
  let client: ControlClient | undefined;
  try {
    client = await ControlClient.connect(context.home.controlSocket);
    return await connect(client, context, parameters);
  } catch (thrown) {
    throw thrown instanceof EvioError ? asAnswer(thrown) : thrown;
  } finally {
    client?.close();
  }
}

async function connect(client: ControlClient, context: Context, parameters: Parameters): Promise<Result> {
  const { config, home } = context;
  const { containerId, ifname } = parameters;
  const place = await placeOf(client, config.network);
  const link = linkName(config.name, containerId, ifname);
  const leases = new Leases(home.path);
  const ip = await lease(client, context, place, link);
  try {
    const ranges = await heldRanges(client, place);
    const result = locked(lockOf(home), (held) =>
      attach(held, context, parameters, { place, link, ip, ranges }),
    );
    await client.request('joinPods', { network: place.network });
    await keepRange(client, place, ip, ranges);
    return result;
  } catch (thrown) {
    locked(lockOf(home), (held) => {
      const host = Network.host(held);
      detach(host, leases, place.device, link);
    });
    throw thrown;
  }
}

/** An address for the pod that nobody in the network uses. */
async function lease(
  client: ControlClient,
  { config, home }: Context,
  place: Place,
  link: string,
): Promise<string> {
  const leases = new Leases(home.path);
  for (let attempt = 0; attempt < attempts; attempt++) {
    let ranges = await heldRanges(client, place);
    const take = (): string | undefined =>
      locked(lockOf(home), () => {
        const there = listLinks().some(({ ifname }) => ifname === link);
        // Before anything is done: an attachment that is there must not be undone by the failure of a second one.
        if (there || leases.of(link).length > 0)
          throw new CniError(Code.exists, `the container is attached to ${config.name} already`);
        return leases.take(ranges, place.cidr, { link, device: place.device }, (ip) =>
          ip6Of(place.prefix6, macOf(ip)),
        );
      });
    let ip = take();
    if (ip === undefined) {
      ranges = [await takeRange(client, place)];
      ip = take();
    }
    if (ip === undefined) continue;
    if (!(await isUsed(Network.host(), ip, place.device))) return ip;
    const used = ip;
    locked(lockOf(home), () => {
      leases.avoid(used);
    });
  }
  throw new CniError(Code.tryAgain, 'others use addresses that the network gave to this node for pods');
}

function attach(
  held: number,
  { config }: Context,
  { netns, ifname }: Parameters,
  { place, link, ip, ranges }: { place: Place; link: string; ip: string; ranges: readonly Cidr[] },
): Result {
  const { device, cidr, ip: nodeIp } = place;
  const host = Network.host(held);
  const links = listLinks();
  const evio = evioLink(links, device);
  const mac = macOf(ip);
  const ip6 = ip6Of(place.prefix6, mac);
  // The node is the way to what lies outside of the network.
  const by = (gateway: string): { gateway?: string } => (config.gateway ? { gateway } : {});
  const addresses: Addresses = {
    ips: [
      { address: `${ip}/${cidr.prefix}`, ...by(nodeIp) },
      { address: `${ip6}/64`, ...by(ip6Of(place.prefix6, evio.address)) },
    ],
    routes: [],
    dns: {},
  };
  const interfaces = plug(host, links, {
    names: namesOf(device),
    ...{ evio, link, netns, ifname, mac, nodeIp, ips: [ip, ip6] },
    guard: config.guard,
    hairpin: config.hairpin,
    gateway: config.gateway,
    masquerade:
      config.gateway && config.masquerade
        ? ranges.flatMap((range) => [formatCidr(range), range6Of(place.prefix6, range)])
        : [],
  });
  const routes = configure(netns, ifname, addresses);
  return {
    interfaces: [...interfaces, { name: ifname, mac, mtu: evio.mtu, sandbox: netns }],
    ips: addresses.ips.map((entry) => ({ ...entry, interface: interfaces.length })),
    routes,
    dns: {},
  };
}

/** The range may have been given back when its last pod went, while this one came. */
async function keepRange(
  client: ControlClient,
  { network, ...place }: Place,
  ip: string,
  ranges: readonly Cidr[],
): Promise<void> {
  const address = { base: parseIpv4(ip) ?? 0, prefix: 32 };
  const range = ranges.find((candidate) => containsCidr(candidate, address));
  const now = await heldRanges(client, { network, ...place });
  if (range && !now.some((candidate) => containsCidr(candidate, address)))
    await client.request('routeAnnounce', { network, cidr: formatCidr(range) });
}

/** Removes all of a pod that is on this node, in the order in which an interrupted one can be done again. */
export function detach(host: Network, leases: Leases, device: string | undefined, link: string): void {
  const links = listLinks();
  if (links.some(({ ifname }) => ifname === link)) unplug([link]);
  const own = leases.of(link);
  const used = new Set(leases.list().flatMap((other) => (other.link === link ? [] : [other.device])));
  for (const name of new Set([
    ...own.map((lease) => lease.device),
    ...(device === undefined ? [] : [device]),
  ])) {
    const names = namesOf(name);
    unroute(
      host,
      names,
      own.flatMap(({ ip, ip6 }) => [ip, ...(ip6 === '' ? [] : [ip6])]),
    );
    tidy(host, names, [link], used.has(name));
  }
  // Last: an address is given to another pod only after this one has lost it.
  for (const { ip } of own) leases.release(ip);
}
