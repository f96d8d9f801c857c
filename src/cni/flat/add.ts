/** ADD of a pod that is a neighbour in the network. */
import { existsSync } from 'node:fs';
import { BlockingClient } from '../../core/control/client-blocking.js';
import { EvioError } from '../../core/lib/errors.js';
import { containsCidr, formatCidr, parseIpv4, type Cidr } from '../../core/lib/ipv4.js';
import { lockOf, type Context } from '../commands/context.js';
import { unplug } from '../bridge.js';
import { Code, CniError } from '../errors.js';
import { Kernel, listLinks } from '../kernel/kernel.js';
import { locked } from '../lock.js';
import { linkName, macOf } from '../names.js';
import { asAnswer, evioLink } from '../node.js';
import { configure } from '../pod.js';
import { Network, type Begun } from '../programs.js';
import type { Parameters } from '../request.js';
import { beginFilter } from '../standing.js';
import type { Addresses, Result } from '../result.js';
import { hostsOf, Leases } from './leases.js';
import { ask, askAhead, isUsed, quietAddresses } from './probe.js';
import { heldRanges, isMembers, placeOf, takeRange, type Place } from './ranges.js';
import { wantedAddress } from './wanted.js';
import { ip6Of, namesOf, plug, range6Of, tidy, unroute } from './wiring.js';

/** Addresses that somebody else was found to use before it is given up. */
const attempts = 4;

/** Somebody else was found to use the address. */
class Taken extends CniError {
  constructor(ip: string) {
    super(Code.tryAgain, `somebody in the network uses ${ip}`);
  }
}

/** On any failure nothing of the pod is left. Throws CniError. */
export function add(context: Context, parameters: Parameters): Result {
  if (!existsSync(parameters.netns))
    throw new CniError(Code.environment, `CNI_NETNS: there is no namespace at ${parameters.netns}`);
  try {
    return BlockingClient.use(context.home.controlSocket, (client) => connect(client, context, parameters));
  } catch (thrown) {
    throw thrown instanceof EvioError ? asAnswer(thrown) : thrown;
  }
}

function connect(client: BlockingClient, context: Context, parameters: Parameters): Result {
  const { config, home } = context;
  const { containerId, ifname } = parameters;
  const place = placeOf(client, config.network);
  const link = linkName(config.name, containerId, ifname);
  const leases = new Leases(home.path);
  const wanted = wantedAddress(config, place);
  for (let attempt = 0; attempt < attempts; attempt++) {
    const taken = lease(client, context, place, { link, wanted });
    if (taken === undefined) continue;
    try {
      // Whatever may come late by the network: members are known here.
      if (isMembers(client, place, taken.ip)) throw new Taken(taken.ip);
      ask(place.device, taken.ip, taken.quiet);
      const result = locked(lockOf(home), (held) => {
        const nft = beginFilter(Network.host(held));
        try {
          return attach(held, nft, context, parameters, { place, link, ...taken });
        } finally {
          nft.close();
        }
      });
      client.request('joinPods', { network: place.network });
      keepRange(client, place, taken);
      return result;
    } catch (thrown) {
      const isTaken = thrown instanceof Taken;
      locked(lockOf(home), (held) => {
        if (isTaken) leases.avoid(taken.ip);
        detach(Network.host(held), leases, place.device, link);
      });
      if (!isTaken) throw thrown;
    }
  }
  throw new CniError(Code.tryAgain, 'others use addresses that the network gave to this node for pods');
}

/** An address that the pod may have, if nobody in the network is found to use it. */
interface Given {
  readonly ip: string;
  /** Nobody spoke as it since it was asked for ahead. */
  readonly quiet: boolean;
  /** All that this node holds. */
  readonly ranges: readonly Cidr[];
}

/** A lease of an address. Undefined: others were faster. */
function lease(
  client: BlockingClient,
  { config, home }: Context,
  { device, ...place }: Place,
  { link, wanted }: { readonly link: string; readonly wanted: string | undefined },
): Given | undefined {
  const leases = new Leases(home.path);
  const take = (ranges: readonly Cidr[]): Given | undefined =>
    locked(lockOf(home), () => {
      const links = listLinks();
      evioLink(links, device);
      // Before anything is done: an attachment that is there must not be undone by the failure of a second one.
      if (links.some(({ ifname }) => ifname === link) || leases.of(link).length > 0)
        throw new CniError(Code.exists, `the container is attached to ${config.name} already`);
      const free = leases.free(ranges, place.cidr).filter((ip) => wanted === undefined || ip === wanted);
      const quiet = Kernel.use((kernel) => quietAddresses(kernel, device));
      const ip = free.find((candidate) => quiet.has(candidate)) ?? free[0];
      if (ip === undefined) return undefined;
      leases.take({ ip, ip6: ip6Of(place.prefix6, macOf(ip)), link, device });
      return { ip, quiet: quiet.has(ip), ranges };
    });
  const ranges = heldRanges(client, { device, ...place });
  const given = take(ranges);
  if (given) return given;
  if (wanted !== undefined && ranges.some((range) => hostsOf(range, place.cidr).includes(wanted)))
    throw new CniError(Code.tryAgain, `another has ${wanted}, which the pod asks for`);
  const more = takeRange(client, { device, ...place }, wanted, (range) => {
    Kernel.use((kernel) => {
      askAhead(kernel, device, hostsOf(range, place.cidr));
    });
  });
  return take([...ranges, more]);
}

function attach(
  held: number,
  nft: Begun,
  { config, home }: Context,
  { netns, ifname }: Parameters,
  { place, link, ip, ranges }: Given & { readonly place: Place; readonly link: string },
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
  const interfaces = plug(host, nft, links, {
    names: namesOf(device),
    ...{ evio, link, netns, ifname, mac, nodeIp, ips: [ip, ip6] },
    guard: config.guard,
    hairpin: config.hairpin,
    gateway: config.gateway,
    masquerade:
      config.gateway && config.masquerade
        ? ranges.flatMap((range) => [formatCidr(range), range6Of(place.prefix6, range)])
        : [],
    permitted: (kernel) => {
      if (isUsed(kernel, device, ip)) throw new Taken(ip);
    },
  });
  const routes = configure(netns, ifname, addresses);
  Kernel.use((kernel) => {
    askAhead(kernel, device, new Leases(home.path).free(ranges, cidr));
  });
  return {
    interfaces: [...interfaces, { name: ifname, mac, mtu: evio.mtu, sandbox: netns }],
    ips: addresses.ips.map((entry) => ({ ...entry, interface: interfaces.length })),
    routes,
    dns: {},
  };
}

/** The range may have been given back when its last pod went, while this one came. */
function keepRange(client: BlockingClient, { network, ...place }: Place, { ip, ranges }: Given): void {
  const address = { base: parseIpv4(ip) ?? 0, prefix: 32 };
  const range = ranges.find((candidate) => containsCidr(candidate, address));
  const now = heldRanges(client, { network, ...place });
  if (range && !now.some((candidate) => containsCidr(candidate, address)))
    client.request('routeAnnounce', { network, cidr: formatCidr(range) });
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
      names,
      own.flatMap(({ ip, ip6 }) => [ip, ...(ip6 === '' ? [] : [ip6])]),
    );
    tidy(host, names, [link], used.has(name));
  }
  // Last: an address is given to another pod only after this one has lost it.
  for (const { ip } of own) leases.release(ip);
}
