/**
 * The bridge of pods that are neighbours in the network, one for each of evio's interfaces. It has no address; a port of it is
 * what the node joins with its own interface (core/tap/joined-ports.ts). All of this happens under the lock (lock.ts).
 *
 *   pod ── veth ──┐
 *   pod ── veth ──┴─ evio0-pods ── evio0-link ═ veth ═ evio0-port ── evio0
 *                        └── the node itself: a route to each of its pods, and the gateway of those that want one
 */
import { addressText } from '../../core/lib/endpoint.js';
import { formatIpv4, type Cidr } from '../../core/lib/ipv4.js';
import { forward, plugIn } from '../bridge.js';
import { Code, CniError } from '../errors.js';
import { Kernel, listLinks, type Link } from '../kernel/kernel.js';
import { masquerading } from '../masquerade.js';
import { macOf, macPrefix } from '../names.js';
import { guardingUplink, guardScript, unguardScript } from '../port-guard.js';
import { isV6, type Interface } from '../result.js';
import type { Begun, Network } from '../programs.js';
import { dropTables, enforce } from '../standing.js';

/** Its own MAC, which must not look like a pod's: the bridge speaks to pods of this node only. */
function bridgeMac(bridge: string): string {
  return macOf(bridge).replace(macPrefix, '0a:5a');
}

/** The IPv6 address of a pod: as every member's, made from its MAC (RFC 4291 appendix A). @param prefix 8 bytes */
export function ip6Of(prefix: Uint8Array, mac: string): string {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = mac.split(':').map((octet) => parseInt(octet, 16));
  return addressText(Uint8Array.of(...prefix, a ^ 2, b, c, 0xff, 0xfe, d, e, f));
}

/** The IPv6 addresses of the pods in this range: the last bytes of one are those of the IPv4 address. */
export function range6Of(prefix: Uint8Array, range: Cidr): string {
  return `${ip6Of(prefix, macOf(formatIpv4(range.base)))}/${96 + range.prefix}`;
}

/** Longest name of evio's interface to which the others can be added. */
const longestDevice = 10;

export interface Names {
  readonly device: string;
  readonly bridge: string;
  /** The end of the pair that the node joins. */
  readonly port: string;
  /** The other, a port of the bridge. */
  readonly link: string;
}

/** Throws CniError (7) where evio's interface has too long a name. */
export function namesOf(device: string): Names {
  if (device.length > longestDevice)
    throw new CniError(
      Code.config,
      `evio's interface ${device} has too long a name for pods in the network`,
      `"device" in the profile.json of the network may have ${longestDevice} characters at most`,
    );
  return { device, bridge: `${device}-pods`, port: `${device}-port`, link: `${device}-link` };
}

export interface Plug {
  readonly names: Names;
  /** Evio's interface: what is shorter there is shorter here. */
  readonly evio: Link;
  /** Name of the veth's end at the bridge. */
  readonly link: string;
  readonly netns: string;
  readonly ifname: string;
  readonly mac: string;
  /** Addresses of the pod. */
  readonly ips: readonly string[];
  /** This node's address in the network. */
  readonly nodeIp: string;
  readonly guard: boolean;
  readonly hairpin: boolean;
  /** Pods reach what is outside of the network by this node. */
  readonly gateway: boolean;
  /** Ranges of the pods of this node that leave it with the node's address; of both families. */
  readonly masquerade: readonly string[];
  /** Throws where the pod must not be connected after all; asked as late as can be. */
  readonly permitted: (kernel: Kernel) => void;
}

/** Makes what is missing of the bridge and its port, and has all of it as it must be. */
function makeBridge(
  kernel: Kernel,
  links: readonly Link[],
  { bridge, port, link }: Names,
  { mtu, gso_max_size: superFrame, address }: Link,
): void {
  const has = (name: string): Link | undefined => links.find(({ ifname }) => ifname === name);
  const sizes = { mtu, superFrame };
  if (!has(bridge)) kernel.addBridge(bridge, bridgeMac(bridge), mtu);
  if (!has(port))
    kernel.addPair({ name: port, mac: address, ...sizes }, { name: link, mac: bridgeMac(link), ...sizes });
  // With the node's own MAC, so that the kernel takes what is for it as meant for this machine.
  kernel.set(port, { mtu, mac: address, bare: true });
  kernel.set(link, { mtu, bare: true, bridge });
  kernel.set(bridge, { mtu });
  for (const name of [bridge, port, link]) kernel.set(name, { up: true });
}

/** Connects a pod, which cannot send anything yet. Returns the interfaces of the node that it uses. */
export function plug(host: Network, nft: Begun, links: readonly Link[], plug: Plug): readonly Interface[] {
  const { names, evio, link, netns, ifname, mac, ips, guard, hairpin } = plug;
  const { bridge } = names;
  if (plug.gateway) for (const family of ['ipv4', 'ipv6'] as const) forward(family);
  const shared = [
    guardingUplink(bridge, names.link),
    ...(plug.masquerade.length > 0 ? [masquerading(bridge, names.device, plug.masquerade)] : []),
  ];
  const isNew = !links.some(({ ifname }) => ifname === bridge);
  enforce(host, nft, shared, guard ? guardScript(bridge, link, mac, ips, true) : '', isNew);
  const { mtu, gso_max_size: superFrame } = evio;
  Kernel.use((kernel) => {
    makeBridge(kernel, links, names, evio);
    plug.permitted(kernel);
    const port = { bridge, link, netns, ifname, mac, mtu, superFrame, guard, hairpin, routedOnly: false };
    plugIn(kernel, port);
    for (const ip of ips)
      kernel.addRoute(bridge, ip, { source: isV6(ip) ? undefined : plug.nodeIp, again: true });
  });
  return [
    { name: bridge, mac: bridgeMac(bridge), mtu },
    { name: link, mac: macOf(link), mtu },
  ];
}

/** Removes the node's ways to these addresses; harmless where there are none. */
export function unroute({ bridge }: Names, ips: readonly string[]): void {
  Kernel.use((kernel) => {
    for (const ip of ips) kernel.removeRoute(bridge, ip);
  });
}

/** Forgets these ports, which are gone. Without `used` everything goes that no pod needs any more. */
export function tidy(host: Network, names: Names, gone: readonly string[], used: boolean): void {
  const { bridge, port, link } = names;
  const links = listLinks();
  const there = (name: string): boolean => links.some(({ ifname }) => ifname === name);
  if (used || links.some(({ ifname, master }) => master === bridge && ifname !== link)) {
    if (gone.length > 0) host.run(['nft', '-f', '-'], unguardScript(bridge, gone));
    return;
  }
  Kernel.use((kernel) => {
    for (const name of [port, bridge]) if (there(name)) kernel.remove(name);
  });
  dropTables(host, bridge);
}
