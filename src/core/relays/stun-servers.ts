/** The STUN servers that a relay brings. */
import { isIP } from 'node:net';
import type { Endpoint } from '../lib/endpoint.js';
import { systemNames, type Names } from './net/relay-names.js';
import type { RelaySession } from './net/relay-client.js';

/**
 * Every address of the relay's name answers STUN: other families than the one in use give other candidates. The
 * alternate port, for telling the NAT's mapping, comes first.
 *
 * @param host name or address of the relay
 * @param udpPort as the relay told
 * @param names who knows its addresses; default: the machine's resolver
 * @param unresolved told with the system's error when the name has no address now; then the others are returned
 */
export async function stunServersOf(
  host: string,
  udpPort: number,
  { endpoint, alternate }: RelaySession,
  unresolved: (thrown: unknown) => void,
  names: Names = systemNames,
): Promise<Endpoint[]> {
  const servers: Endpoint[] = alternate ? [alternate] : [];
  if (isIP(host) !== 0 || !endpoint) return servers;
  try {
    for (const { address } of await names.addresses(host)) {
      const otherFamily = address.includes(':') !== endpoint.host.includes(':');
      if (otherFamily) servers.push({ host: address, port: udpPort });
    }
  } catch (thrown) {
    unresolved(thrown);
  }
  return servers;
}
