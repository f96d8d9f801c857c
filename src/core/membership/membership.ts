/** A membership as commands and reports show it. */
import { describeNetwork, type NetworkReport } from '../identity/network.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { Self } from './self.js';

/** A member by all its names. */
export interface MemberReport {
  readonly id: string;
  readonly name: string;
  /** Dotted quad. */
  readonly ip: string;
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
      mac: self.mac,
    },
  };
}
