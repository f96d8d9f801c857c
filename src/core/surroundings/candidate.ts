/** Which of our own addresses a peer may try. No I/O: the caller brings the interface list. */
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import { containsCidr, parseIpv4, type Cidr } from '../lib/ipv4.js';
import { maxCandidates, type Candidate } from '../wire/candidate.js';

/** One address of one interface, as `os.networkInterfaces()` tells. */
export interface LocalAddress {
  readonly device: string;
  readonly address: string;
  readonly internal: boolean;
}

/** Interfaces that lead into this machine only: containers, bridges for them, other overlays of ours. */
const localOnly = /^(lo|docker|veth|br-|virbr|cni|flannel|cali|kube|nerdctl|podman|lxc|lxd|evio)/;

/**
 * Addresses usable from elsewhere: no loopback, link-local, container or overlay address. Of machines with many (VLANs,
 * privacy addresses) the first of each interface and family come first, since only so many can be offered.
 */
export function usableAddresses(
  all: readonly LocalAddress[],
  exclude: { readonly devices: readonly string[]; readonly cidrs: readonly Cidr[] },
): string[] {
  const first: string[] = [];
  const further: string[] = [];
  const served = new Set<string>();
  for (const { device, address, internal } of all) {
    if (internal || localOnly.test(device) || exclude.devices.includes(device)) continue;
    if (/^(fe[89ab]|127\.|169\.254\.|::1$)/i.test(address)) continue;
    const ip = parseIpv4(address);
    if (ip !== undefined && exclude.cidrs.some((cidr) => containsCidr(cidr, { base: ip, prefix: 32 })))
      continue;
    if (first.includes(address) || further.includes(address)) continue;
    const family = `${device} ${ip === undefined ? 6 : 4}`;
    (served.has(family) ? further : first).push(address);
    served.add(family);
  }
  return [...first, ...further];
}

/** Host candidates that come before the reflexive ones, which are the way in from outside and must find room. */
export const hostsFirst = 8;

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
