/** The STUN servers that a relay brings. */
import type { Endpoint } from '../lib/endpoint.js';
import type { StunServer } from '../surroundings/stun-client.js';
import type { RelaySession } from './net/relay-client.js';

/**
 * The alternate port, for telling the NAT's mapping, comes first; other families than the one in use give other candidates. NATs
 * are where IPv4 is, so two ports of that are asked, whichever is in use.
 *
 * @param found every address that the relay's name has
 */
export function stunServersOf(
  found: readonly Endpoint[],
  { endpoint, alternate }: Pick<RelaySession, 'endpoint' | 'alternate'>,
): StunServer[] {
  const isV6 = (host = ''): boolean => host.includes(':');
  const others = found.filter(({ host }) => isV6(host) !== isV6(endpoint?.host));
  const servers: StunServer[] = alternate ? [alternate] : [];
  for (const { host, port } of others) {
    servers.push({ host, port, main: true });
    if (alternate && !isV6(host)) servers.push({ host, port: alternate.port });
  }
  return servers;
}
