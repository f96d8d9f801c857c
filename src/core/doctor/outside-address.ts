/** By which address others see this machine, where its own are private: asked of the relays that it knows, and of STUN servers. */
import { lookup } from 'node:dns/promises';
import { isIPv4 } from 'node:net';
import type { Home } from '../config/home.js';
import { systemRandom } from '../lib/env.js';
import { formatEndpoint, parseHostPort, type Endpoint } from '../lib/endpoint.js';
import { isPrivateHost } from '../surroundings/local-ranges.js';
import { readNetworks } from './doctor.js';
import { probeRelay } from './relay-probe.js';
import { StunProbe } from './stun-probe.js';

export interface OutsideAddress {
  /** IPv4, of the internet. */
  readonly host: string;
  /** Who saw it, HOST:PORT. */
  readonly by: string;
}

/**
 * Undefined when nobody who was asked sees a public address, or nobody answers. A relay that runs on this machine sees a private one.
 *
 * @param servers STUN servers, HOST:PORT; asked before the relays of this home's networks
 */
export async function outsideAddress(
  home: Home,
  servers: readonly string[],
): Promise<OutsideAddress | undefined> {
  const probe = await StunProbe.open(4, systemRandom).catch(() => undefined);
  if (!probe) return undefined;
  const seenBy = async (at: Endpoint | undefined): Promise<OutsideAddress | undefined> => {
    const answer = at && (await probe.ask(at));
    if (!at || !answer || !isIPv4(answer.mapped.host) || isPrivateHost(answer.mapped.host)) return undefined;
    return { host: answer.mapped.host, by: formatEndpoint(at) };
  };
  try {
    for (const server of servers) {
      const seen = await seenBy(await addressOf(server));
      if (seen) return seen;
    }
    for (const target of readNetworks(home).targets) {
      const { addresses, health } = await probeRelay(target, () => Date.now());
      const host = addresses.find(isIPv4);
      const seen = await seenBy(host === undefined || !health ? undefined : { host, port: health.udpPort });
      if (seen) return seen;
    }
    return undefined;
  } finally {
    probe.close();
  }
}

async function addressOf(server: string): Promise<Endpoint | undefined> {
  const named = parseHostPort(server);
  const found = named && (await lookup(named.host, { family: 4 }).catch(() => undefined));
  return found && { host: found.address, port: named.port };
}
