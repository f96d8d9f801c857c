/** `evio doctor`: every check in the order in which they depend on each other. */
import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import type { Home } from '../config/home.js';
import { Store } from '../config/store.js';
import { rangesOf } from '../enroll/ranges.js';
import type { StatusReport } from '../node/reports.js';
import { storedSelf } from '../enroll/stored-self.js';
import { termOf } from '../membership/renewal.js';
import { toBase64Url } from '../lib/bytes.js';
import { isAlive } from '../lib/alive.js';
import { systemRandom } from '../lib/env.js';
import { formatEndpoint } from '../lib/endpoint.js';
import { messageOf } from '../lib/errors.js';
import { hostsPath } from '../names/hosts-text.js';
import { machineRanges, runningRanges } from '../native/machine-ranges.js';
import { parseRelayAddress } from '../relays/net/relay-url.js';
import { NatObserver } from '../surroundings/nat.js';
import type { NatFiltering, NatMapping } from '../wire/nat.js';
import { iceServersOf, type IceServer } from '../membership/ice-server.js';
import { checkCertificate, revokedCheck } from './certificate.js';
import { checkIceServers } from './ice-probe.js';
import { leftNames } from './left-names.js';
import { fail, pass, verdictOf, warn, type Check, type DoctorReport } from './check.js';
import {
  checkHeld,
  checkMtu,
  checkNative,
  checkNode,
  checkPlatform,
  checkPrivilege,
  checkRange,
  checkTun,
  checkUdp,
  checkUplink,
  localAddresses,
  type HeldPrivileges,
} from './machine.js';
import { probeRelay, relayTarget, type RelayFinding, type RelayTarget } from './relay-probe.js';
import { findPortal, portalCheck } from './portal-probe.js';
import { probeRouter, routerCheck } from './router-probe.js';
import { checkStorage } from './storage.js';
import { StunProbe, filteringBefore } from './stun-probe.js';

export interface ExamineOptions {
  readonly home: Home;
  /** Relays to look at instead of those of the networks here: URLs or HOST:PORT. */
  readonly relays: readonly string[];
  /** What the node that runs here says of its process; undefined where none runs. */
  readonly running?: (HeldPrivileges & Pick<StatusReport, 'uplink'>) | undefined;
}

/** Throws EvioError EVIO_BAD_VALUE for a relay that cannot be read; everything else is a finding. */
export async function examine({ home, relays, running }: ExamineOptions): Promise<DoctorReport> {
  const named = relays.map(relayTarget);
  const checks: Check[] = [checkNode(), checkPlatform(), checkPrivilege(), await checkNative()];
  if (running) checks.push(checkHeld(running));
  if (running?.uplink) checks.push(checkUplink(running.uplink));
  if (process.platform === 'linux') checks.push(await checkTun());
  checks.push(await checkUdp());
  if (process.platform === 'linux') checks.push(checkMtu());
  const { targets, profiles } = readNetworks(home);
  checks.push(checkStorage(home.path), ...profiles, ...rangeChecks(home), ...certificateChecks(home));
  checks.push(...namesChecks());
  const [router, ...findings] = await Promise.all([
    probeRouter(systemRandom),
    ...(named.length > 0 ? named : targets).map((target) => probeRelay(target, () => Date.now())),
  ]);
  const portal = await findPortal(findings, systemRandom);
  const paths = findings.length === 0 ? undefined : await checkPaths(findings);
  checks.push(routerCheck(router, paths?.outside ?? []));
  // Before what it is the cause of.
  if (portal !== undefined) checks.push(portalCheck(portal));
  checks.push(...softened(findings));
  checks.push(...(await checkIceServers(iceServersHere(home))));
  if (paths) checks.push(...paths.checks);
  else {
    checks.push(
      warn(
        'relay',
        'no relay is known, so UDP and NAT were not looked at.',
        'Name one: evio doctor --relay HOST:PORT',
      ),
    );
  }
  return { checks, verdict: verdictOf(checks) };
}

function namesChecks(): Check[] {
  try {
    return leftNames(readFileSync(hostsPath, 'utf8'), isAlive);
  } catch {
    // Without the file there is nothing in it.
    return [];
  }
}

function iceServersHere(home: Home): IceServer[] {
  try {
    const store = new Store(home);
    return store.ids().flatMap((id) => iceServersOf(store.profile(id).paths?.iceServers));
  } catch {
    // What is wrong with the folder was said with the profiles.
    return [];
  }
}

function rangeChecks(home: Home): Check[] {
  try {
    const local = machineRanges();
    const running = runningRanges();
    return rangesOf(new Store(home)).map((range) => checkRange(range, local, running));
  } catch {
    // The profiles were looked at before: what is wrong with the folder is said.
    return [];
  }
}

function certificateChecks(home: Home): Check[] {
  try {
    const store = new Store(home);
    return store.ids().map((id) => {
      const self = storedSelf(store, id);
      const bar = store.ledger(id).ledger.standing.bar(self.idText);
      return bar
        ? revokedCheck(self.network.name, bar.reason)
        : checkCertificate(self.network.name, termOf(self), Date.now());
    });
  } catch {
    // As for ranges.
    return [];
  }
}

/** A relay that cannot be reached is no failure while another one is. */
function softened(findings: readonly RelayFinding[]): Check[] {
  const someWorks = findings.some(({ health }) => health !== undefined);
  return findings.flatMap(({ checks, health }) =>
    checks.map((check) =>
      someWorks && health === undefined && check.status === 'fail' ? { ...check, status: 'warn' } : check,
    ),
  );
}

const undo = '; evio set --any-path ends that';
/** What somebody asked for once, and may have forgotten. */
const wishWords = {
  any: '',
  only: `, packets go by relays only (--relay-only)${undo}`,
  never: `, no data goes by relays (--no-relay)${undo}`,
} as const;

/** Relays of the networks in this home, each once, and a check for each profile. */
export function readNetworks(home: Home): { targets: RelayTarget[]; profiles: Check[] } {
  const targets = new Map<string, RelayTarget>();
  const profiles: Check[] = [];
  const store = new Store(home);
  let ids: string[];
  try {
    ids = store.ids();
  } catch (thrown) {
    return {
      targets: [],
      profiles: [fail('home', messageOf(thrown), 'Choose another folder with EVIO_HOME.')],
    };
  }
  for (const id of ids) {
    try {
      const facts = storedSelf(store, id).network;
      const count = facts.relays.length === 1 ? '1 relay' : `${facts.relays.length} relays`;
      const wish = wishWords[store.profile(id).paths?.relays ?? 'any'];
      profiles.push(pass(`profile:${facts.name}`, `${id}, ${count}${wish}`));
      for (const { address, key } of facts.relays) {
        targets.set(`${address} ${toBase64Url(key)}`, { address: parseRelayAddress(address), key });
      }
    } catch (thrown) {
      profiles.push(
        fail(
          `profile:${id}`,
          messageOf(thrown),
          `Forget the network and join again: evio leave --network ${id}`,
        ),
      );
    }
  }
  return { targets: [...targets.values()], profiles };
}

/** UDP to each relay, and the kind of NAT, in each address family that some relay has; `outside` are the addresses that relays see. */
async function checkPaths(
  findings: readonly RelayFinding[],
): Promise<{ readonly checks: Check[]; readonly outside: string[] }> {
  const checks: Check[] = [];
  const outside: string[] = [];
  const silent = new Map<string, { families: (4 | 6)[]; port: number }>();
  const byUdp = new Map<string, 4 | 6>();
  const reached = findings.filter(({ health }) => health !== undefined);
  for (const family of [4, 6] as const) {
    const servers = reached.flatMap(({ name, addresses, health }) => {
      const host = addresses.find((address) => isIPv6(address) === (family === 6));
      return host === undefined || !health ? [] : [{ name, host, health }];
    });
    if (servers.length === 0) continue;
    let probe: StunProbe;
    try {
      probe = await StunProbe.open(family, systemRandom);
    } catch {
      continue;
    }
    const nat = new NatObserver();
    let answered = 0;
    let filtering: NatFiltering = 'unknown';
    for (const { name, host, health } of servers) {
      const main = { host, port: health.udpPort };
      const answer = await probe.ask(main);
      if (!answer) {
        const families = [...(silent.get(name)?.families ?? []), family];
        silent.set(name, { families, port: health.udpPort });
        continue;
      }
      answered++;
      byUdp.set(name, family);
      checks.push(
        pass(
          `udp:${name}`,
          `answers by UDP over IPv${family} in ${answer.rttMs.toFixed(1)} ms, sees us as ${formatEndpoint(answer.mapped)}`,
        ),
      );
      nat.add(0, main, answer.mapped);
      outside.push(answer.mapped.host);
      if (health.alternatePort === null) continue;
      if (filtering !== 'endpoint-independent-or-address-dependent')
        filtering = await filteringBefore(main, systemRandom);
      const other = { host, port: health.alternatePort };
      const second = await probe.ask(other);
      if (second) nat.add(0, other, second.mapped);
    }
    if (answered > 0) checks.push(natCheck(family, nat.mapping(localAddresses()), filtering));
    probe.close();
  }
  // A machine without IPv6 is not limited by that where the relay answers by IPv4, nor the other way round.
  const missing = [...silent].map(([name, { families, port }]) => {
    const none = `no answer by UDP over IPv${families.join(' and IPv')}`;
    const other = byUdp.get(name);
    if (other !== undefined) return pass(`udp:${name}`, `${none}; IPv${other} is used`);
    return warn(
      `udp:${name}`,
      `${none}: traffic through this relay takes TCP, which is slower.`,
      // Who reaches another relay by UDP may send it.
      byUdp.size > 0
        ? `Let UDP to port ${port} in where the relay runs (its firewall, and the security group of a cloud): another relay answers by UDP.`
        : `Let UDP to port ${port} out of here, and in where the relay runs (its firewall, and the security group of a cloud): there, if other members are told this, too.`,
    );
  });
  return { checks: [...checks, ...missing], outside };
}

function natCheck(family: 4 | 6, mapping: NatMapping, filtering: NatFiltering): Check {
  const id = family === 4 ? 'nat' : 'nat6';
  const filters = filtering === 'unknown' ? '' : `, ${filtering} filtering`;
  switch (mapping) {
    case 'none':
      return pass(id, `none: this machine has a public address towards the relay${filters}`);
    case 'endpoint-independent':
      return pass(id, `endpoint-independent mapping${filters}: direct paths work with most peers`);
    case 'address-dependent':
    case 'address-and-port-dependent':
      return warn(
        id,
        `${mapping} mapping${filters}: direct paths work with peers whose NAT maps endpoint-independently, and filters less or lets this one's ports be predicted; others are relayed.`,
        'Forward a UDP port to this machine and run: sudo evio node --port PORT',
      );
    case 'unknown':
      return warn(
        id,
        'one answer is too little to tell the kind of NAT.',
        'Open the second UDP port of the relay (its port + 1), or name a second relay.',
      );
  }
}
