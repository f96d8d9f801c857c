/** `evio status` and `evio peers` as plain text. */
import type {
  MemberReport,
  PeerReport,
  RevokedReport,
  ProcessReport,
  StatusAnswer,
  StatusReport,
} from '../../core/control/schema.js';
import { formatAge } from '../../core/lib/age.js';
import { parseEndpoint } from '../../core/lib/endpoint.js';
import { lanText } from './bridges.js';
import { refusalText } from './routes.js';
import { facts, formatBytes, formatMs, printable, table } from '../format.js';
import { applicantText } from './waiting.js';

/** How a NAT chooses ports and filters, as far as that is known, behind its mapping. */
export function natBehaviour({ filtering, ports }: Pick<StatusReport['nat'], 'filtering' | 'ports'>): string {
  const chosen = ports === 'unknown' ? '' : `, ports ${ports}`;
  return `${chosen}${filtering === 'unknown' ? '' : `, filtering ${filtering}`}`;
}

/** The router's address outside is none that relays see: where another NAT is before it, its port serves those between the two only. */
function elsewhere({ portMapping, addresses }: StatusReport['nat']): boolean {
  const hostOf = (endpoint: string): string | undefined => parseEndpoint(endpoint)?.host;
  const seen = addresses.filter((endpoint) => !endpoint.startsWith('[')).map(hostOf);
  return portMapping !== null && seen.length > 0 && !seen.includes(hostOf(portMapping.external));
}

export function natText(nat: StatusReport['nat']): string {
  const mapping = nat.mapping === 'none' ? 'none (public address)' : nat.mapping;
  const seen = nat.addresses.length > 0 ? `, seen as ${nat.addresses.map(printable).join(', ')}` : '';
  const { portMapping } = nat;
  const opened = portMapping
    ? `, router opened ${printable(portMapping.external)} (${portMapping.kind})${elsewhere(nat) ? ', not where relays see it' : ''}`
    : '';
  return `${mapping}${nat.udpBlocked ? ', UDP is blocked' : ''}${seen}${opened}${natBehaviour(nat)}`;
}

/** Drops that happened, most frequent first; `none`. */
export function dropsText(drops: Record<string, number>): string {
  const some = Object.entries(drops)
    .filter(([, count]) => count > 0)
    .sort(([, a], [, b]) => b - a);
  return some.length === 0 ? 'none' : some.map(([reason, count]) => `${reason} ${count}`).join(', ');
}

export function relayText(relay: StatusReport['relays'][number]): string {
  const rtt = relay.state === 'connected' ? `, ${formatMs(relay.rttMs)}` : '';
  if (relay.state !== 'connected' && relay.reason !== null)
    return `${printable(relay.url)} ${relay.state}: ${printable(relay.reason)}`;
  return `${printable(relay.url)} ${relay.state} (${relay.transport}${rtt})`;
}

type Ring = StatusReport['ring'];
/** Members named in one line of the ring; the rest is counted. */
const maxNamed = 8;
/** Anomalies told in the text; the JSON has more. */
const maxAnomalies = 5;
/** Members of whom something was refused, of those that are told. */
const maxRefusals = 5;

/** The name of a member on the ring, or the beginning of its id where the node does not know it. */
export function ringName(ring: Ring, id: string): string {
  return printable(ring.names?.[id] ?? id.slice(0, 8));
}

/** The links of the node as named lines: those that there are. */
export function ringFacts(ring: Ring): [string, string][] {
  const list = (ids: readonly string[]): string => {
    const named = ids.slice(0, maxNamed).map((id) => ringName(ring, id));
    return `${named.join(', ')}${ids.length > maxNamed ? ` and ${ids.length - maxNamed} more` : ''}`;
  };
  const lines: [string, readonly string[]][] = [
    ['Predecessor', ring.predecessor === null ? [] : [ring.predecessor]],
    ['Successors', ring.successors],
    ['Long links', ring.longLinks],
    ['On demand', ring.onDemand],
  ];
  return lines.filter(([, ids]) => ids.length > 0).map(([name, ids]) => [name, list(ids)]);
}

/** What the process may do to the machine, and who tried to ask it. */
export function processFacts({
  capabilities,
  noNewPrivileges,
  refusedUsers,
}: ProcessReport): [string, string][] {
  const held = capabilities.length > 12 ? 'all of root' : capabilities.join(', ') || 'none';
  return [
    ['Privileges', `${held}${noNewPrivileges ? '' : '; may gain more'}`],
    ...(refusedUsers === 0
      ? []
      : [
          ['Refused', `${refusedUsers} connections of other users to the control socket`] as [string, string],
        ]),
  ];
}

function clockText({ behindMs, aheadMs }: NonNullable<StatusReport['clock']>): string {
  return behindMs > 0
    ? `${formatAge(behindMs)} behind the relays': their date is used`
    : `${formatAge(aheadMs)} ahead of the relays': set it by NTP (timedatectl set-ntp true)`;
}

function certificateText({ expires, renewal }: StatusReport['certificate']): string {
  const day = expires.slice(0, 10);
  return renewal === 'failing' ? `until ${day}, and no admin renews it` : `until ${day}`;
}

/** One line for each of the last anomalies. */
function anomalyText({ at, name, kind, count }: StatusReport['anomalies'][number]): string {
  return `${at} ${printable(name)}: ${kind}, ${count}`;
}

/** What was refused of one member, the most first. */
function refusedText({ name, count }: NonNullable<StatusReport['refusals']>[number]): string {
  const reasons = Object.entries(count).sort(([, a], [, b]) => b - a);
  return `of ${printable(name)}: ${reasons.map(([reason, n]) => `${n} ${reason}`).join(', ')}`;
}

export function statusText(
  status: StatusReport & { readonly process?: ProcessReport; readonly resting?: StatusAnswer['resting'] },
): string {
  const {
    node,
    network,
    device,
    relays,
    nat,
    ring,
    peerCount,
    process,
    anomalies,
    clock,
    refusals = [],
    refusedRoutes = [],
    waiting = [],
    resting = [],
  } = status;
  const pairs: [string, string][] = [
    ['Network', `${printable(network.name)} (${network.id}), ${network.cidr}, ${network.cidr6}`],
    ['Node', `${printable(node.name)}, ${node.ip}, ${node.ip6}, ${node.mac}`],
    ['Id', node.id],
    ['Running', `${formatAge(node.uptimeMs)}, process ${node.pid}, evio ${node.version}`],
    [
      'Device',
      `${device.name}, MTU ${device.mtu}${device.restarts > 0 ? `, restarted ${device.restarts} times` : ''}`,
    ],
    ['Received', `${formatBytes(device.rxBytes)}, ${device.rxFrames} frames`],
    ['Sent', `${formatBytes(device.txBytes)}, ${device.txFrames} frames`],
    ['Dropped', dropsText(device.drops)],
    ...(relays.length === 0 ? ['none'] : relays.map(relayText)).map((text, i): [string, string] => [
      i === 0 ? 'Relays' : '',
      text,
    ]),
    ['NAT', natText(nat)],
    ...(clock ? [['Clock', clockText(clock)] as [string, string]] : []),
    ...(process ? processFacts(process) : []),
    ['Certificate', certificateText(status.certificate)],
    ...(status.bridge ? [['Bridged', lanText(status.bridge)] as [string, string]] : []),
    ['Peers', `${peerCount}, network of about ${Math.round(ring.sizeEstimate)}`],
    ...ringFacts(ring),
    ...anomalies
      .slice(0, maxAnomalies)
      .map((anomaly, i): [string, string] => [i === 0 ? 'Anomalies' : '', anomalyText(anomaly)]),
    ...refusals
      .slice(0, maxRefusals)
      .map((refused, i): [string, string] => [i === 0 ? 'Refused' : '', refusedText(refused)]),
    ...refusedRoutes.map((refused, i): [string, string] => [
      i === 0 ? 'Refused' : '',
      `${refused.cidr} of ${printable(refused.name)}: ${refusalText(refused)}`,
    ]),
    ...waiting.map((applicant, i): [string, string] => [i === 0 ? 'Waiting' : '', applicantText(applicant)]),
    ...resting.map(({ id, name }, i): [string, string] => [
      i === 0 ? 'Not running' : '',
      `${printable(name)} (${id}): evio up --network ${/^[\w.-]+$/.test(name) ? name : id}`,
    ]),
    ...(status.uplink ? [['Warning', uplinkText(status.uplink)] as [string, string]] : []),
    ...(status.clash ? [['Warning', clashText(status.clash, network)] as [string, string]] : []),
    ...hintsOf(status).map((text): [string, string] => ['Hint', text]),
  ];
  return facts(pairs);
}

/** By what packets leave, and why. */
export function uplinkText({ device, instead }: NonNullable<StatusReport['uplink']>): string {
  return `packets leave by ${printable(device)}: nothing was heard by ${printable(instead)}, which the routes prefer`;
}

/** What of this machine lies in the range of the network, and the way out. */
export function clashText(
  { device, kind, cidr, through }: NonNullable<StatusReport['clash']>,
  network: StatusReport['network'],
): string {
  const address = cidr.replace(/\/32$/, '');
  const what = {
    address: `${address} is this machine's own, on ${printable(device)}`,
    gateway: `${address} is this machine's gateway, by ${printable(device)}`,
    route: `${cidr} is reached by ${printable(device)}`,
  }[kind];
  if (through !== undefined) {
    return `${what}, and the default route looks for it behind ${printable(through)}: sudo ip route replace default via ${address} dev ${printable(device)}`;
  }
  return `${what}, which lies in ${network.cidr}: give ${printable(device)} other addresses, or allow it: sudo evio join TOKEN --allow-range ${network.cidr}`;
}

const dayMs = 86_400_000;

/** What is wrong, where somebody could do something about it. */
export function hintsOf({ device, certificate, clock, relays, conflicts = [] }: StatusReport): string[] {
  const out = conflicts.map(({ what, name, ip, mac, holder }) =>
    what === 'ip'
      ? `${printable(name)} claims ${ip}, which ${printable(holder)} has had before: it needs another address (evio set --ip ADDRESS).`
      : `${printable(name)} has the MAC ${mac} of ${printable(holder)}, and is refused.`,
  );
  // By a clock that is far ahead, whatever has an end is late.
  if (certificate.renewal === 'failing' && (clock?.aheadMs ?? 0) < dayMs) {
    out.push(
      `No admin of the network answers: this machine stops being a member at ${certificate.expires}. Admins are listed by: evio admin list`,
    );
  }
  if (relays.length > 0 && relays.every(({ state }) => state !== 'connected'))
    out.push('No relay is reached: "evio doctor" looks for the cause.');
  if ((device.drops['guard-mac'] ?? 0) > 0)
    out.push(
      'A member sends frames of another MAC (a bridged VM or container, macvlan, VRRP): to allow that, let it join by a token of "evio token create --right bridge".',
    );
  return out;
}

/**
 * What a state does not say: since when somebody is gone, whose address it has, why it is in quarantine.
 *
 * @param seen how to say it where a column is narrow
 */
export function stateNotes(
  { state, lastSeenAgeMs, addressOf, quarantine }: PeerReport,
  seen: 'last seen' | 'seen' = 'last seen',
): string[] {
  return [
    ...(state === 'offline' && lastSeenAgeMs !== null ? [`${seen} ${formatAge(lastSeenAgeMs)} ago`] : []),
    ...(addressOf === null ? [] : [`address of ${printable(addressOf)}`]),
    ...(quarantine === null ? [] : [`quarantined (${quarantine.kind})`]),
  ];
}

export function stateText(peer: PeerReport): string {
  return [peer.state, ...stateNotes(peer)].join(', ');
}

export function pathText(peer: PeerReport): string {
  if (peer.path === null) return '-';
  const { kind, endpoint, lan } = peer.path;
  return `${kind}${lan ? ' (LAN)' : ''} ${printable(endpoint)}`;
}

/** @param self this machine, which comes first */
export function peersText(
  peers: readonly PeerReport[],
  revoked: readonly RevokedReport[],
  self: MemberReport,
): string {
  return `${peersTable(peers, self)}${revoked.map(revokedText).join('')}`;
}

/** `revoked web-1 (…) 2026-…: stolen laptop`, by whom. */
function revokedText({ id, name, reason, at, by }: RevokedReport): string {
  const why = reason === '' ? '' : `: ${printable(reason)}`;
  return `revoked ${printable(name)} (${id}) ${at} by ${printable(by)}${why}\n`;
}

function peersTable(peers: readonly PeerReport[], self: MemberReport): string {
  return table(
    ['NAME', 'ADDRESS', 'STATE', 'PATH', 'RTT', 'LINK', 'RECEIVED', 'SENT', 'ID'],
    [
      [printable(self.name), self.ip, 'this machine', '-', '-', '-', '-', '-', self.id.slice(0, 8)],
      ...peers.map((peer) => [
        printable(peer.name),
        peer.ip,
        stateText(peer),
        pathText(peer),
        formatMs(peer.path?.rttMs ?? null),
        peer.link ?? '-',
        formatBytes(peer.rxBytes),
        formatBytes(peer.txBytes),
        peer.id.slice(0, 8),
      ]),
    ],
  );
}
