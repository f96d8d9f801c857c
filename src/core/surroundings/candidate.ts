/** Which of our own addresses a peer may try. No I/O: the caller brings the interface list. */
import { addressBytes, formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import { containsCidr, parseIpv4, type Cidr } from '../lib/ipv4.js';
import { maxCandidates, type Candidate } from '../wire/candidate.js';

/** One address of one interface, as `os.networkInterfaces()` tells. */
export interface LocalAddress {
  readonly device: string;
  readonly address: string;
  readonly internal: boolean;
  /** Length of the prefix that its link has. */
  readonly prefix?: number;
}

/**
 * Interfaces that lead into this machine only, as the programs call them that make them: containers and virtual machines, the
 * bridges and tunnels between them, other overlays of ours.
 */
const localOnly = new RegExp(
  `^(${[
    ...[
      'lo',
      'evio',
      'veth',
      'br-',
      'docker',
      'podman',
      'nerdctl',
      'buildkit',
      'hassio',
      'lxc',
      'lxd',
      'incus',
    ],
    ...['virbr', 'vmnet', 'vboxnet', 'mpqemubr', 'waydroid'],
    ...['cni', 'kube', 'flannel', 'cali', 'vxlan\\.calico', 'tunl', 'cilium', 'weave', 'antrea', 'genev_sys'],
  ].join('|')})`,
);

export interface Excluded {
  readonly devices: readonly string[];
  readonly cidrs: readonly Cidr[];
}

/** It leads out of this machine, and is not of a network of ours. */
function leadsOut({ device, address, internal }: LocalAddress, exclude: Excluded): boolean {
  if (internal || localOnly.test(device) || exclude.devices.includes(device)) return false;
  const ip = parseIpv4(address);
  return ip === undefined || !exclude.cidrs.some((cidr) => containsCidr(cidr, { base: ip, prefix: 32 }));
}

/** An interface by which others of a LAN may be reached, and its addresses there. */
export interface LanInterface {
  readonly device: string;
  /** IPv4 first. Those that an interface gave itself (169.254.0.0/16) are as good as any on a LAN. */
  readonly addresses: readonly string[];
}

/** Interfaces used for LANs, and addresses told of each: more is a mistake. */
const lanLimit = 16;
const lanAddressLimit = 6;

/** The interfaces that lead to others, with their addresses. */
export function lanInterfaces(all: readonly LocalAddress[], exclude: Excluded): LanInterface[] {
  const found = new Map<string, string[]>();
  for (const local of all) {
    if (!leadsOut(local, exclude) || /^(fe[89ab]|127\.|::1$)/i.test(local.address)) continue;
    const addresses = found.get(local.device);
    if (addresses) addresses.push(local.address);
    else found.set(local.device, [local.address]);
  }
  const isV6 = (address: string): number => Number(address.includes(':'));
  return [...found].slice(0, lanLimit).map(([device, addresses]) => ({
    device,
    addresses: addresses.sort((a, b) => isV6(a) - isV6(b)).slice(0, lanAddressLimit),
  }));
}

/** Tells of addresses whether one of our links has them: packets to them pass no router. */
export function onLinkOf(all: readonly LocalAddress[], exclude: Excluded): (host: string) => boolean {
  const links = all.flatMap((local) => {
    const { address, prefix } = local;
    const own = leadsOut(local, exclude) ? addressBytes(address) : undefined;
    if (!own || prefix === undefined) return [];
    // Both families are written as 16 bytes, IPv4 behind 96 bits.
    const bits = address.includes(':') ? prefix : 96 + prefix;
    const mask = own.map((_, at) => 0xff & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * at))));
    return [{ mask, net: own.map((byte, at) => byte & (mask[at] as number)) }];
  });
  return (host) => {
    const wanted = addressBytes(host);
    return (
      wanted !== undefined &&
      links.some(({ mask, net }) => wanted.every((byte, at) => (byte & (mask[at] as number)) === net[at]))
    );
  };
}

/**
 * Addresses usable from elsewhere: no loopback, link-local, container or overlay address. Of machines with many (VLANs,
 * privacy addresses) the first of each interface and family come first, since only so many can be offered.
 */
export function usableAddresses(all: readonly LocalAddress[], exclude: Excluded): string[] {
  const first: string[] = [];
  const further: string[] = [];
  const served = new Set<string>();
  for (const local of all) {
    const { device, address } = local;
    if (!leadsOut(local, exclude) || /^(fe[89ab]|127\.|169\.254\.|::1$)/i.test(address)) continue;
    if (first.includes(address) || further.includes(address)) continue;
    const family = `${device} ${address.includes(':') ? 6 : 4}`;
    (served.has(family) ? further : first).push(address);
    served.add(family);
  }
  return [...first, ...further];
}

/** Host candidates that come before the reflexive ones, which are the way in from outside and must find room. */
const hostsFirst = 8;

/** The first host candidates (they are nearest), then reflexive ones, then further host ones, without duplicates. */
export function gatherCandidates(
  hosts: readonly string[],
  port: number,
  reflexive: readonly Endpoint[],
): Candidate[] {
  const seen = new Set<string>();
  const out: Candidate[] = [];
  const add = (candidate: Candidate): void => {
    const key = formatEndpoint(candidate.endpoint);
    if (seen.has(key) || out.length >= maxCandidates) return;
    seen.add(key);
    out.push(candidate);
  };
  const host = (address: string): void => {
    add({ kind: 'host', endpoint: { host: address, port } });
  };
  hosts.slice(0, hostsFirst).forEach(host);
  for (const endpoint of reflexive) add({ kind: 'reflexive', endpoint });
  hosts.slice(hostsFirst).forEach(host);
  return out;
}

/** True for an endpoint that may be probed at all: a real port, not multicast, loopback, link-local or unspecified. */
export function isProbeable(endpoint: Endpoint): boolean {
  if (endpoint.port === 0) return false;
  const host = endpoint.host.toLowerCase();
  if (host.includes(':')) return host !== '::' && host !== '::1' && !/^(ff|fe[89ab])/.test(host);
  const first = Number(host.split('.')[0]);
  return first !== 0 && first !== 127 && first < 224;
}
