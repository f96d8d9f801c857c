/** From what STUN servers saw to a kind of NAT: mapping behaviour of RFC 4787 section 4.1. Arithmetic only. */
import type { NatMapping } from '../control/schema.js';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';

export interface Observation {
  /** The server asked. */
  readonly server: Endpoint;
  /** The address it saw. */
  readonly mapped: Endpoint;
}

/**
 * All observations must come from one socket, bound to `localPort` and in one address family.
 *
 * Two ports of one server tell whether the mapping follows the port, two servers whether it follows the address.
 */
export function natMapping(
  observations: readonly Observation[],
  localAddresses: readonly string[],
  localPort: number,
): NatMapping {
  const [first] = observations;
  if (!first) return 'unknown';
  const isOurs = ({ host, port }: Endpoint): boolean => port === localPort && localAddresses.includes(host);
  if (observations.every(({ mapped }) => isOurs(mapped))) return 'none';
  const mappings = new Set(observations.map(({ mapped }) => formatEndpoint(mapped)));
  const destinations = new Set(observations.map(({ server }) => formatEndpoint(server)));
  if (mappings.size === 1) return destinations.size > 1 ? 'endpoint-independent' : 'unknown';
  const byHost = new Map<string, Set<string>>();
  for (const { server, mapped } of observations) {
    const seen = byHost.get(server.host) ?? new Set();
    byHost.set(server.host, seen.add(formatEndpoint(mapped)));
  }
  const followsPort = [...byHost.values()].some((seen) => seen.size > 1);
  return followsPort ? 'address-and-port-dependent' : 'address-dependent';
}
