/**
 * The bridge of a node: a port for each pod, and the gateway's addresses, through which the node routes. It lives as long as
 * it has ports. All of this happens under the lock (lock.ts).
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { Code, CniError } from './errors.js';
import { Kernel, listLinks, Refusal, type Link } from './kernel/kernel.js';
import { masquerading } from './masquerade.js';
import { macOf, macPrefix } from './names.js';
import { guarding, guardScript, unguardScript } from './port-guard.js';
import { isV6, type Addresses, type Interface } from './result.js';
import type { Begun, Network } from './programs.js';
import { dropTables, enforce } from './standing.js';

/** Of a bridge that the plugin made: one that somebody else made is used, and never removed. */
const mark = 'evio-cni';

/** Made here by a plugin that was killed before it could mark it, or set it up. */
function isHalfMade({ alias, flags, address }: Link): boolean {
  return alias === '' && !flags.includes('UP') && address.startsWith(`${macPrefix}:`);
}

/** The gateway's address on the bridge, with the length of the range: one for each range. */
export function gatewaysOf({ ips }: Addresses): readonly string[] {
  const gateways = ips.flatMap(({ address, gateway }) =>
    gateway === undefined ? [] : [`${gateway}/${address.split('/')[1] ?? ''}`],
  );
  return [...new Set(gateways)];
}

/** RTF_DEFAULT of linux/ipv6_route.h: a default route that a router announced. */
const announced = 0x0001_0000;

/** Interfaces by which this machine leaves because a router there said so; bridges, where pods could say it, are none. */
function routersAnnounced(): readonly string[] {
  const rows = readFileSync('/proc/net/ipv6_route', 'utf8').trim().split('\n');
  const names = rows.flatMap((row) => {
    const [, , , , , , , , flags = '', name = ''] = row.trim().split(/\s+/);
    return (parseInt(flags, 16) & announced) === 0 ? [] : [name];
  });
  return [...new Set(names)].filter((name) => !existsSync(`/sys/class/net/${name}/bridge`));
}

/** The node forwards between the bridge and its other interfaces. Read and written per network namespace. */
export function forward(family: 'ipv4' | 'ipv6'): void {
  if (family === 'ipv4') return writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
  const conf = '/proc/sys/net/ipv6/conf';
  if (readFileSync(`${conf}/all/forwarding`, 'utf8').trim() === '1') return;
  // Who forwards takes no router's word any more, and would lose its own way out with it; 2: it does all the same.
  for (const name of routersAnnounced()) {
    const knob = `${conf}/${name}/accept_ra`;
    if (readFileSync(knob, 'utf8').trim() === '1') writeFileSync(knob, '2');
  }
  writeFileSync(`${conf}/all/forwarding`, '1');
}

/** Makes the bridge as it has to be. */
function makeBridge(
  kernel: Kernel,
  present: Link | undefined,
  { bridge: name, mtu }: Plug,
  mac: string,
  gateways: readonly string[],
): void {
  if (present === undefined) kernel.addBridge(name, mac, mtu);
  else if (present.mtu !== mtu) kernel.set(name, { mtu });
  if (present === undefined || isHalfMade(present)) kernel.set(name, { alias: mark });
  for (const gateway of gateways) kernel.addAddress(name, gateway, true);
  kernel.set(name, { up: true });
}

/** The bridge answers for the pods behind it, which do not hear each other. */
function standIn(kernel: Kernel, bridge: string, { ips }: Addresses): void {
  const set = (knob: string, value: string): void => {
    writeFileSync(`/proc/sys/net/${knob}`, value);
  };
  set(`ipv4/conf/${bridge}/proxy_arp_pvlan`, '1');
  // Nor do they hear that there is a shorter way.
  set(`ipv4/conf/${bridge}/send_redirects`, '0');
  const v6 = ips.map(({ address }) => address).filter(isV6);
  if (v6.length === 0) return;
  set(`ipv6/conf/${bridge}/proxy_ndp`, '1');
  for (const address of v6) kernel.answerFor(bridge, address.split('/')[0] ?? '');
}

export interface Plug {
  readonly bridge: string;
  /** Name of the veth's end at the bridge. */
  readonly link: string;
  readonly netns: string;
  readonly ifname: string;
  readonly mac: string;
  readonly mtu: number;
  /** Bytes of the longest super-frame that leaves the pod. */
  readonly superFrame: number;
  readonly hairpin: boolean;
  /** Pods of the node reach each other by its routing only, where forwarding is filtered. */
  readonly routedOnly: boolean;
  /** The pod may send as itself only. */
  readonly guard: boolean;
  /** Evio's interface, to which nothing is masqueraded; undefined: no masquerading at all. */
  readonly device: string | undefined;
}

/**
 * A pair of veths with one end in the pod, the other a port of the bridge. What the bridge knows no port for goes to ports that are
 * flooded. A guarded one is not: it is given what is for its own MAC, which the bridge is told, since a pod that is silent would
 * not teach it.
 */
export function plugIn(kernel: Kernel, plug: Omit<Plug, 'device'>): void {
  const { bridge, link, netns, ifname, mac, mtu, superFrame, hairpin, guard, routedOnly } = plug;
  const sizes = { mtu, superFrame };
  try {
    kernel.addPair({ name: link, mac: macOf(link), ...sizes }, { name: ifname, mac, ...sizes }, netns);
  } catch (thrown) {
    if (thrown instanceof Refusal && thrown.exists)
      throw new CniError(Code.exists, `the pod has an interface called ${ifname} already`, thrown.details);
    throw thrown;
  }
  kernel.set(link, { bare: true, bridge });
  kernel.setPort(link, { hairpin, flood: !guard, isolated: routedOnly });
  kernel.set(link, { up: true });
  if (guard) kernel.teach(link, mac);
}

/** Connects a pod: makes what is missing of the bridge, and the port. Returns the interfaces of the node that the pod uses. */
export function plug(
  host: Network,
  nft: Begun,
  kernel: Kernel,
  links: readonly Link[],
  addresses: Addresses,
  plug: Plug,
): readonly Interface[] {
  const { bridge, link, mac, mtu } = plug;
  const gateways = gatewaysOf(addresses);
  const present = links.find(({ ifname }) => ifname === bridge);
  // With a MAC of its own: the kernel's choice changes with the ports, and pods remember the gateway's.
  const bridgeMac = present?.address ?? macOf(gateways[0] ?? bridge);
  for (const family of ['ipv4', 'ipv6'] as const)
    if (gateways.some((gateway) => isV6(gateway) === (family === 'ipv6'))) forward(family);
  const ranges = addresses.ips.map(({ address }) => address);
  const shared = [
    ...(plug.device === undefined ? [] : [masquerading(bridge, plug.device, ranges)]),
    ...(plug.guard ? [guarding(bridge)] : []),
  ];
  // Before the pod's first packet.
  enforce(host, nft, shared, plug.guard ? guardScript(bridge, link, mac, ranges) : '', present === undefined);
  makeBridge(kernel, present, plug, bridgeMac, gateways);
  plugIn(kernel, plug);
  if (plug.routedOnly) standIn(kernel, bridge, addresses);
  return [
    { name: bridge, mac: bridgeMac, mtu },
    { name: link, mac: macOf(link), mtu },
  ];
}

/** Removes these ends of veths, and with them what is in the pods. A link that went by itself meanwhile is no error. */
export function unplug(names: readonly string[]): void {
  for (const name of names) {
    try {
      Kernel.use((kernel) => {
        kernel.remove(name);
      });
    } catch (thrown) {
      if (listLinks().some(({ ifname }) => ifname === name)) throw thrown;
    }
  }
}

/** Forgets these ports, which are gone. A bridge that has no port left goes, too, and its tables. */
export function tidy(host: Network, bridge: string, gone: readonly string[]): void {
  const links = listLinks();
  if (links.some(({ master }) => master === bridge)) {
    if (gone.length > 0) host.run(['nft', '-f', '-'], unguardScript(bridge, gone));
    return;
  }
  const own = links.find(({ ifname }) => ifname === bridge);
  if (own && (own.alias === mark || isHalfMade(own)))
    Kernel.use((kernel) => {
      kernel.remove(bridge);
    });
  dropTables(host, bridge);
}
