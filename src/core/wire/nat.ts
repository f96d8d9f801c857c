/** The words for what a NAT does, of RFC 4787 (sections 4.1, 4.2.2, 5), as reports and members use them. The order is that on the wire. */
import type { Endpoint } from '../lib/endpoint.js';

/** Which packets of one socket get one outside address. */
export const natMappings = [
  'none',
  'endpoint-independent',
  'address-dependent',
  'address-and-port-dependent',
  'unknown',
] as const;
export type NatMapping = (typeof natMappings)[number];

/**
 * What may come in by it: from anywhere, from addresses that were sent to, from addresses and ports that were sent to. One relay has one
 * address with two ports, which cannot tell the first two apart.
 */
export const natFilterings = [
  'unknown',
  'endpoint-independent-or-address-dependent',
  'address-and-port-dependent',
] as const;
export type NatFiltering = (typeof natFilterings)[number];

/** How it chooses outside ports. */
export const natPorts = ['unknown', 'preserved', 'sequential', 'random'] as const;
export type NatPorts = (typeof natPorts)[number];

export interface NatFacts {
  readonly mapping: NatMapping;
  readonly filtering: NatFiltering;
  readonly ports: NatPorts;
}

/** Ports in one range: more would be a scan. */
export const maxPortRange = 64;

/** Outside ports next to each other, of which one is likely to be ours. */
export interface PortRange {
  readonly first: Endpoint;
  readonly count: number;
}

/** What a member tells of its NAT. */
export interface NatNews extends NatFacts {
  readonly range: PortRange | undefined;
}
