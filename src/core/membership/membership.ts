/** A membership as commands and reports show it. */
import { describeNetwork, type NetworkReport } from '../identity/network.js';
import { ip6Of, prefix6Of } from '../identity/inner-ipv6.js';
import { macOf } from '../identity/node-id.js';
import { addressText } from '../lib/endpoint.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { Self } from './self.js';

/** A member by all its names. */
export interface MemberReport {
  readonly id: string;
  readonly name: string;
  /** Dotted quad. */
  readonly ip: string;
  /** As RFC 5952 writes it. */
  readonly ip6: string;
  readonly mac: string;
}

export interface Membership {
  readonly network: NetworkReport;
  readonly node: MemberReport;
}

export function membershipOf(self: Self): Membership {
  return {
    network: describeNetwork(self.network),
    node: {
      id: self.idText,
      name: self.certificate.name,
      ip: formatIpv4(self.certificate.ip),
      ip6: ip6TextOf(self),
      mac: self.mac,
    },
  };
}

/** The IPv6 address of this machine in its network. */
export function ip6TextOf({ network, id }: Self): string {
  return addressText(ip6Of(prefix6Of(network.rootKey), macOf(id)));
}
