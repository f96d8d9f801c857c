/** Members by name, as programs name them that have no names of the system. */
import { addressBytes } from '../lib/endpoint.js';
import { parseCidr, type Cidr } from '../lib/ipv4.js';
import type { Neighbourhood } from '../userspace/destination.js';
import type { Node } from './node.js';

/** Address of the member with this name, in any case: of one that is connected where several have it. */
export function memberAddress(node: Pick<Node, 'peers'>, name: string): string | undefined {
  const wanted = name.toLowerCase();
  const named = node.peers().filter((peer) => peer.name.toLowerCase() === wanted);
  return (named.find(({ state }) => state === 'connected') ?? named[0])?.ip;
}

/** The network as a proxy into it needs it. */
export function neighbourhoodOf(node: Pick<Node, 'peers' | 'status'>): Neighbourhood {
  const { network, node: self } = node.status();
  return {
    network: network.name,
    range: parseCidr(network.cidr) as Cidr,
    prefix6: addressBytes(self.ip6)?.subarray(0, 8) ?? new Uint8Array(8),
    address: (name) => memberAddress(node, name),
  };
}
