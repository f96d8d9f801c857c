/** `evio netcheck`: what the network around this machine lets through. Works without a network joined. */
import { isIPv6 } from 'node:net';
import type { Home } from '../config/home.js';
import { systemRandom } from '../lib/env.js';
import { formatEndpoint } from '../lib/endpoint.js';
import { formatRelayAddress } from '../relays/net/relay-url.js';
import { NatObserver } from '../surroundings/nat.js';
import type { NatFiltering, NatMapping } from '../wire/nat.js';
import { readNetworks } from './doctor.js';
import { localAddresses } from './machine.js';
import { mtuTo } from './mtu-probe.js';
import { findPortal } from './portal-probe.js';
import { probeRelay, relayTarget, type RelayFinding } from './relay-probe.js';
import { probeRouter, type PortMappingFinding } from './router-probe.js';
import { StunProbe, filteringBefore } from './stun-probe.js';

export interface RelayCheck {
  readonly url: string;
  /** Round trip by UDP, and of a request by TCP; null: no answer. */
  readonly rttMs: number | null;
  readonly tcpMs: number | null;
  /** This machine as the relay sees it by UDP. */
  readonly observed: string | null;
}

export interface NetcheckReport {
  /** Some relay answers by UDP. */
  readonly udp: boolean;
  /** This machine has a public IPv6 address, and the relays that have one, too, are reached by it. */
  readonly ipv6: boolean;
  readonly nat: {
    readonly mapping: NatMapping;
    readonly filtering: NatFiltering;
    /** Packets from inside to our own outside address come back; null: not known. */
    readonly hairpin: boolean | null;
    readonly addresses: readonly string[];
  };
  /** By round trip, those that do not answer last. */
  readonly relays: readonly RelayCheck[];
  readonly portMapping: PortMappingFinding;
  /** Bytes of the longest IP packet to the nearest relay; null: not known. */
  readonly mtu: number | null;
  /** Signs of what stands between: variables that name a proxy, relays in whose place something else answers. */
  readonly proxy: { readonly variables: readonly string[]; readonly foreign: readonly string[] };
  /** The page that may be the login of this network, where no relay is reached. */
  readonly portal: string | null;
}

const proxyVariables = [
  'HTTP_PROXY',
  'HTTPS_PROXY',
  'ALL_PROXY',
  'http_proxy',
  'https_proxy',
  'all_proxy',
] as const;

/**
 * @param relays to look at instead of those of the networks here: URLs or HOST:PORT
 * @throws EvioError EVIO_BAD_VALUE for a relay that cannot be read
 */
export async function netcheck(home: Home, relays: readonly string[]): Promise<NetcheckReport> {
  const targets = relays.length > 0 ? relays.map(relayTarget) : readNetworks(home).targets;
  const [findings, portMapping] = await Promise.all([
    Promise.all(
      targets.map(async (target) => ({
        url: formatRelayAddress(target.address),
        finding: await probeRelay(target, () => Date.now()),
      })),
    ),
    probeRouter(systemRandom),
  ]);
  const nat = new NatObserver();
  const seen = new Map<string, { rttMs: number; observed: string; host: string; port: number }>();
  let filtering: NatFiltering = 'unknown';
  let hairpin: boolean | null = null;
  let answers6: boolean | null = null;
  for (const family of [4, 6] as const) {
    const probe = await StunProbe.open(family, systemRandom).catch(() => undefined);
    if (!probe) continue;
    try {
      for (const { url, finding } of findings) {
        const server = serverOf(finding, family);
        if (!server) continue;
        const { host, port, alternatePort } = server;
        const answer = await probe.ask({ host, port });
        if (family === 6) answers6 = (answers6 ?? true) && answer !== undefined;
        if (!answer) continue;
        const { mapped, rttMs } = answer;
        const before = seen.get(url);
        if (!before || before.rttMs > rttMs)
          seen.set(url, { rttMs: round(rttMs), observed: formatEndpoint(mapped), host, port });
        nat.add(0, { host, port }, mapped);
        if (alternatePort !== null) {
          if (filtering !== 'endpoint-independent-or-address-dependent')
            filtering = await filteringBefore({ host, port }, systemRandom);
          const second = await probe.ask({ host, port: alternatePort });
          if (second) nat.add(0, { host, port: alternatePort }, second.mapped);
        }
        if (family === 4 && hairpin === null && !localAddresses().includes(mapped.host)) {
          const other = await StunProbe.open(4, systemRandom);
          hairpin = await other.reaches(probe, mapped);
          other.close();
        }
      }
    } finally {
      probe.close();
    }
  }
  const checks = findings
    .map(({ url, finding }) => ({
      url,
      rttMs: seen.get(url)?.rttMs ?? null,
      tcpMs: finding.health === undefined ? null : round(finding.health.rttMs),
      observed: seen.get(url)?.observed ?? null,
    }))
    .sort(
      (a, b) =>
        (a.rttMs ?? Infinity) - (b.rttMs ?? Infinity) || (a.tcpMs ?? Infinity) - (b.tcpMs ?? Infinity),
    );
  const portal = await findPortal(
    findings.map(({ finding }) => finding),
    systemRandom,
  );
  const nearest = seen.get(checks[0]?.url ?? '');
  return {
    udp: seen.size > 0,
    ipv6: localAddresses().some(isGlobal6) && answers6 !== false,
    nat: {
      mapping: nat.mapping(localAddresses()),
      filtering,
      hairpin,
      addresses: nat.reflexive.map(formatEndpoint),
    },
    relays: checks,
    portMapping,
    mtu: nearest ? await mtuTo(nearest, systemRandom) : null,
    portal: portal ?? null,
    proxy: {
      variables: proxyVariables.filter((name) => (process.env[name] ?? '') !== ''),
      foreign: findings.filter(({ finding }) => finding.foreign === true).map(({ url }) => url),
    },
  };
}

function serverOf(
  { addresses, health }: RelayFinding,
  family: 4 | 6,
): { host: string; port: number; alternatePort: number | null } | undefined {
  const host = addresses.find((address) => isIPv6(address) === (family === 6));
  return host === undefined || !health
    ? undefined
    : { host, port: health.udpPort, alternatePort: health.alternatePort };
}

/** Of 2000::/3, the part of IPv6 that is given out. */
function isGlobal6(address: string): boolean {
  return /^[23][0-9a-f]{3}:/i.test(address);
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
