/** What a node tells of itself: the reports of docs/cli.md, from the state of the engine. No I/O, no decisions. */
import { ip6Of, prefix6Of } from '../identity/inner-ipv6.js';
import { describeNetwork } from '../identity/network.js';
import type { Conflict } from '../membership/roster.js';
import { ip6TextOf } from '../membership/membership.js';
import type { Self } from '../membership/self.js';
import { macText } from '../identity/node-id.js';
import { addressText, formatEndpoint, parseEndpoint } from '../lib/endpoint.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { ActivePath, PathReport } from '../path/path.js';
import type { Prober } from '../path/prober.js';
import type { WhyLog } from '../path/why.js';
import type { Peer } from '../peer/peer.js';
import type { Session } from '../peer/session.js';
import type { PeerCounters } from '../dataplane/plane/plane.js';
import type { RelayReport } from '../relays/relay-report.js';
import type { LinkRole, RingReport } from '../topology/overlay-ports.js';
import type { LanReport } from '../bridging/report.js';
import type { Service } from '../wire/services.js';
import type { NatFacts } from '../wire/nat.js';
import type { UplinkReport } from '../surroundings/surroundings.js';
import { adviceOf, uplinkAdvice, type WhyFacts } from './advice.js';
import { roundedMs } from './ping-report.js';
import type { PeerStanding, StatusHead } from './metrics-report.js';
import type { RefusalReport } from './refusals.js';
import type { RenewalReport } from './renewals.js';
import type { Confinement } from '../policy/quarantine.js';
import type {
  ClashReport,
  AnomalyReport,
  ApplicantReport,
  PeerReport,
  RefusedRoute,
  ReportedState,
  StatusReport,
  WhyReport,
} from './reports.js';
import type { Refusal } from '../subnets/book.js';

function rounded(ms: number | null): number | null {
  return ms === null ? null : roundedMs(ms);
}

/** Whether an address is on a link of this machine. */
export type OnLink = (host: string) => boolean;

export function pathReport(path: ActivePath | null, onLink?: OnLink): PathReport | null {
  if (!path) return null;
  const { kind, endpoint, rttMs } = path;
  const host = kind === 'direct' ? parseEndpoint(endpoint)?.host : undefined;
  const lan = host !== undefined && onLink?.(host) === true;
  return { kind, endpoint, rttMs: rounded(rttMs), ...(lan && { lan }) };
}

/** What reports tell of a peer. `Peer` (peer/peer.ts) has it. */
export interface ReportedPeer extends Pick<Peer, 'member' | 'state'> {
  readonly session: Pick<Session, 'established' | 'handshakeAt'>;
  readonly prober: Pick<Prober, 'active' | 'remotes' | 'lossAt'>;
  /** What it tells of its NAT; undefined: nothing yet, or it runs an older evio. */
  readonly nat: NatFacts | undefined;
  readonly why: Pick<WhyLog, 'entries'>;
}

/** What others know of a peer. */
export interface PeerFacts {
  /** The name by which it is shown. */
  readonly name: string;
  /** Name of the one whose address it claims. */
  readonly addressOf: string | null;
  /** True when relays say that it is connected to none of them. */
  readonly offline: boolean;
  readonly lastSeenAgeMs: number | null;
  readonly link: LinkRole | null;
  readonly services?: readonly Service[];
  /** Undefined: it is not in quarantine. */
  readonly confinement: Confinement | undefined;
  /** The upper 8 bytes of its IPv6 address. */
  readonly prefix6: Uint8Array;
  /** Default: none is told. */
  readonly onLink?: OnLink;
}

/** What the peer is told as: relays know of one that is connected to none that it is offline. */
const stateOf = ({ state, session }: ReportedPeer, offline: boolean): ReportedState =>
  offline && !session.established ? 'offline' : state;

/** What is counted of a peer. */
export function peerStanding(
  peer: ReportedPeer,
  { offline, link, confinement }: Pick<PeerFacts, 'offline' | 'link' | 'confinement'>,
): PeerStanding {
  return {
    state: stateOf(peer, offline),
    link,
    path: peer.session.established ? peer.prober.active : null,
    quarantine: confinement ?? null,
  };
}

export function peerReport(
  peer: ReportedPeer,
  counters: PeerCounters,
  { name, addressOf, offline, lastSeenAgeMs, link, confinement, prefix6, onLink, services = [] }: PeerFacts,
  now: number,
): PeerReport {
  const { member, session } = peer;
  const at = session.handshakeAt;
  return {
    id: member.idText,
    name,
    ip: formatIpv4(member.ip),
    ip6: addressText(ip6Of(prefix6, member.mac)),
    mac: macText(member.mac),
    state: stateOf(peer, offline),
    addressOf,
    lastSeenAgeMs: session.established ? null : lastSeenAgeMs,
    path: session.established ? pathReport(peer.prober.active, onLink) : null,
    link,
    rxBytes: counters.rxBytes,
    txBytes: counters.txBytes,
    lastHandshakeAgeMs: at === undefined || !session.established ? null : Math.round(now - at),
    quarantine: confinement
      ? { kind: confinement.kind, remainingMs: Math.max(0, Math.round(confinement.until - now)) }
      : null,
    ...(services.length === 0 ? {} : { services }),
  };
}

/** What the head of a status is made of. */
export interface HeadFacts {
  readonly self: Self;
  readonly name: string;
  readonly version: string;
  readonly uptimeMs: number;
  readonly device: Omit<StatusReport['device'], 'mtu'>;
  readonly relays: RelayReport[];
  readonly nat: StatusReport['nat'];
  readonly certificate: RenewalReport;
  readonly peers: readonly ReportedPeer[];
}

export interface StatusFacts extends HeadFacts {
  /** How far this machine's clock is behind the date in use; 0: it is used. */
  readonly behindMs: number;
  /** How far it is ahead of the relays'; 0: it is not. */
  readonly aheadMs: number;
  /** The names by which members are shown. */
  readonly nameOf: (idText: string) => string | undefined;
  readonly conflicts: readonly Conflict[];
  readonly ring: RingReport;
  readonly anomalies: readonly AnomalyReport[];
  readonly refused: readonly Refusal[];
  readonly clash?: ClashReport | undefined;
  readonly waiting: readonly ApplicantReport[];
  readonly refusals: readonly RefusalReport[];
  readonly bridge: LanReport | undefined;
  readonly uplink?: UplinkReport | undefined;
}

export function statusHead(facts: HeadFacts): StatusHead {
  const { self } = facts;
  return {
    node: {
      id: self.idText,
      name: facts.name,
      ip: formatIpv4(self.certificate.ip),
      ip6: ip6TextOf(self),
      mac: self.mac,
      pid: process.pid,
      version: facts.version,
      uptimeMs: Math.round(facts.uptimeMs),
    },
    network: describeNetwork(self.network),
    device: { mtu: self.network.mtu, ...facts.device },
    relays: facts.relays.map((relay) => ({ ...relay, rttMs: rounded(relay.rttMs) })),
    nat: facts.nat,
    certificate: certificateReport(facts.certificate),
    peerCount: facts.peers.reduce((sum, peer) => sum + Number(peer.state === 'connected'), 0),
  };
}

export function statusReport(facts: StatusFacts): StatusReport {
  const prefix6 = prefix6Of(facts.self.network.rootKey);
  return {
    ...statusHead(facts),
    ring: ringReport(facts.ring, facts.peers, facts.nameOf),
    conflicts: facts.conflicts.map(({ what, loser, holder }) => ({
      what,
      id: loser.idText,
      name: facts.nameOf(loser.idText) ?? loser.name,
      ip: formatIpv4(loser.ip),
      ip6: addressText(ip6Of(prefix6, loser.mac)),
      mac: macText(loser.mac),
      holder: facts.nameOf(holder.idText) ?? holder.name,
    })),
    anomalies: facts.anomalies,
    ...(facts.behindMs === 0 && facts.aheadMs === 0
      ? {}
      : { clock: { behindMs: Math.round(facts.behindMs), aheadMs: Math.round(facts.aheadMs) } }),
    ...(facts.waiting.length === 0 ? {} : { waiting: facts.waiting }),
    ...(facts.refusals.length === 0 ? {} : { refusals: facts.refusals }),
    ...(facts.clash ? { clash: facts.clash } : {}),
    ...(facts.uplink ? { uplink: facts.uplink } : {}),
    ...(facts.bridge ? { bridge: facts.bridge } : {}),
    ...(facts.refused.length === 0 ? {} : { refusedRoutes: facts.refused.map(refusedRoute) }),
  };
}

function certificateReport({ until, failures }: RenewalReport): StatusReport['certificate'] {
  return {
    expires: new Date(until).toISOString(),
    renewal: failures === undefined ? 'later' : failures === 0 ? 'due' : 'failing',
  };
}

function refusedRoute({ id: peer, name, cidr, fault, holder }: Refusal): RefusedRoute {
  return { peer, name, cidr, fault, holder };
}

function ringReport(
  ring: RingReport,
  peers: readonly ReportedPeer[],
  nameOf: StatusFacts['nameOf'],
): StatusReport['ring'] {
  const { predecessor, successors, longLinks, onDemand } = ring;
  const ids = new Set([predecessor, ...successors, ...longLinks, ...onDemand]);
  const known = peers.filter(({ member }) => ids.has(member.idText));
  return {
    sizeEstimate: ring.sizeEstimate,
    predecessor,
    successors: [...successors],
    longLinks: [...longLinks],
    onDemand: [...onDemand],
    names: Object.fromEntries(known.map(({ member: { idText, name } }) => [idText, nameOf(idText) ?? name])),
  };
}

export function whyReport(peer: ReportedPeer, facts: WhyFacts): WhyReport {
  const active = peer.prober.active;
  const remotes = peer.prober.remotes;
  return {
    peer: peer.member.idText,
    path: peer.session.established ? pathReport(active, facts.onLink) : null,
    ...(peer.session.established && active ? { loss: peer.prober.lossAt(facts.now) } : {}),
    candidates: [
      ...facts.local.map((c) => ({
        endpoint: formatEndpoint(c.endpoint),
        kind: c.kind,
        side: 'local' as const,
        state: 'offered',
        rttMs: null,
      })),
      ...remotes.map((r) => ({ ...r, rttMs: rounded(r.rttMs), side: 'remote' as const })),
    ],
    log: peer.why.entries.map((e) => ({
      at: new Date(e.date).toISOString(),
      event: e.event,
      detail: e.detail,
    })),
    nat: { local: natFactsOf(facts.nat), remote: peer.nat ? natFactsOf(peer.nat) : null },
    advice: [...uplinkAdvice(facts), ...adviceOf(peer, facts)],
  };
}

/** Without the ports that are told to peers. */
export const natFactsOf = ({ mapping, filtering, ports }: NatFacts): NatFacts => ({
  mapping,
  filtering,
  ports,
});
