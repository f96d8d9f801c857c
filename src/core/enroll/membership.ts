/** A membership as commands show it. */
import { describeNetwork } from '../identity/network.js';
import type { Self } from '../membership/self.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { NetworkReport } from '../control/schema.js';

export interface Membership {
  readonly network: NetworkReport;
  readonly node: { readonly id: string; readonly name: string; readonly ip: string; readonly mac: string };
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
