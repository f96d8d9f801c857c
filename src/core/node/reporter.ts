/** Gathers from the parts of a run what the reports tell (report.ts makes them of it). */
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { Claimant } from '../identity/claims.js';
import { prefix6Of } from '../identity/inner-ipv6.js';
import type { Clock } from '../lib/env.js';
import { formatEndpoint } from '../lib/endpoint.js';
import { EvioError } from '../lib/errors.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { Ledger } from '../ledger/ledger.js';
import type { Reach } from '../membership/reach.js';
import type { Self } from '../membership/self.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { PolicyReport } from '../policy/enforcement.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { RouteReport } from '../subnets/route-report.js';
import type { Subnets } from '../subnets/subnets.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import type { Bridge } from './bridge.js';
import type { Applicants } from './applicants.js';
import type { InterfaceWatch } from './interface-watch.js';
import type { PolicyHost } from './policy-host.js';
import { networkMetrics, type NetworkMetrics } from './metrics-report.js';
import {
  natFactsOf,
  peerReport,
  peerStanding,
  statusHead,
  statusReport,
  whyReport,
  type HeadFacts,
  type PeerFacts,
} from './report.js';
import type { RefusalReport, Refusals } from './refusals.js';
import type { Renewals } from './renewals.js';
import type { Services } from './services.js';
import type { StateKeeper } from './state-keeper.js';
import type {
  NatReport,
  OfferedService,
  PeerReport,
  RevokedReport,
  StatusReport,
  WhyReport,
} from './reports.js';
import { domainOf } from '../names/zone.js';
import { unknownPeer, withoutDomain } from './unknown-peer.js';
import type { PeerCalls } from './peer-calls.js';
import type { ProvenClock } from './proven-clock.js';

/** Members of whom something was refused, in a report. */
const reportedRefusals = 16;
/** Names are cut off here before relays are asked for them. */
const longestName = 64;

export interface ReporterParts {
  readonly clock: Clock;
  readonly dates: ProvenClock | undefined;
  readonly self: Self;
  /** Name of this node, and version of this program. */
  readonly name: string;
  readonly version: string;
  readonly plane: DataPlane;
  readonly relays: RelaySet;
  readonly surroundings: Surroundings;
  readonly reach: Pick<Reach, 'direct' | 'relayed'>;
  /** Undefined where WebRTC is not spoken. */
  readonly calls: Pick<PeerCalls, 'unserved'> | undefined;
  readonly members: Peers;
  readonly overlay: OverlayHost;
  readonly subnets: Subnets;
  readonly bridge: Bridge;
  readonly interfaceWatch: Pick<InterfaceWatch, 'clash'>;
  readonly services: Services;
  readonly keeper: StateKeeper;
  readonly policy: PolicyHost;
  readonly renewals: Renewals;
  readonly applicants: Applicants;
  readonly refusals: Refusals;
  readonly ledger: Ledger;
  /** How often a packet thread was started again. */
  readonly restarts: () => number;
}

export class Reporter {
  readonly #parts: ReporterParts;
  readonly #startedAt: number;
  #over = false;

  constructor(parts: ReporterParts) {
    this.#parts = parts;
    this.#startedAt = parts.clock.now();
  }

  #head(): HeadFacts {
    const { clock, self, name, version, plane, relays, surroundings, members, renewals, restarts } =
      this.#parts;
    return {
      self,
      name: members.nameOf(self.idText) ?? name,
      version,
      uptimeMs: clock.now() - this.#startedAt,
      device: { name: plane.deviceName, port: plane.port, ...plane.deviceCounters(), restarts: restarts() },
      relays: relays.report(),
      nat: {
        ...natFactsOf(surroundings.nat),
        udpBlocked: relays.udpBlocked,
        addresses: surroundings.reflexive.map(formatEndpoint),
        portMapping: mappingReport(surroundings),
      },
      peers: members.all(),
      certificate: renewals.report(),
    };
  }

  status(): StatusReport {
    const { members, overlay, policy, applicants, subnets } = this.#parts;
    return statusReport({
      ...this.#head(),
      nameOf: (idText) => members.nameOf(idText),
      conflicts: members.conflicts(),
      behindMs: this.#parts.dates?.behindMs ?? 0,
      aheadMs: this.#parts.dates?.aheadMs ?? 0,
      ring: overlay.report(),
      anomalies: policy.anomalies,
      refused: subnets.refusals(),
      bridge: this.#parts.bridge.report(),
      uplink: this.#parts.surroundings.uplink,
      clash: this.#parts.interfaceWatch.clash,
      waiting: applicants.report(),
      refusals: this.#refusals(),
    });
  }

  /** The network in numbers. */
  metrics(): NetworkMetrics {
    const { members, overlay, policy, applicants, subnets } = this.#parts;
    const factsOf = this.#standings();
    return networkMetrics(
      statusHead(this.#head()),
      {
        sizeEstimate: overlay.report().sizeEstimate,
        conflicts: members.conflicts().length,
        waiting: applicants.report().length,
        refusedRoutes: subnets.refusals().length,
      },
      members.all().map((peer) => peerStanding(peer, factsOf(peer))),
      policy.report(),
    );
  }

  /** Of whom most was refused, first: by the control thread, and by the packet path. */
  #refusals(): RefusalReport[] {
    const { plane, members, refusals } = this.#parts;
    const byId = new Map(refusals.report().map((report) => [report.peer, report]));
    for (const { slot, member } of members.all()) {
      const { spoofed, floodLimited, replayed, denied, controlLimited } = plane.peerCounters(slot);
      const there = {
        spoofed,
        'flood-limited': floodLimited,
        replayed,
        policy: denied,
        'control-limited': controlLimited,
      };
      const counted = Object.fromEntries(Object.entries(there).filter(([, n]) => n > 0));
      const before = byId.get(member.idText);
      if (!before && Object.keys(counted).length === 0) continue;
      const name = members.nameOf(member.idText) ?? member.name;
      byId.set(member.idText, { peer: member.idText, name, count: { ...before?.count, ...counted } });
    }
    const sum = ({ count }: RefusalReport): number => Object.values(count).reduce((a, b) => a + b, 0);
    return [...byId.values()].sort((a, b) => sum(b) - sum(a)).slice(0, reportedRefusals);
  }

  /** Of each peer what stands outside of it: looked up once for all of them. */
  #standings(): (peer: Peer) => Pick<PeerFacts, 'offline' | 'link' | 'confinement'> {
    const { overlay, relays, policy } = this.#parts;
    const roles = overlay.roles();
    const tellsAll = relays.anyUp && relays.complete;
    return (peer) => ({
      offline: tellsAll && !relays.isOnline(peer.member.idText),
      link: roles.get(peer.member.idText) ?? null,
      confinement: policy.confinementOf(peer),
    });
  }

  /** By name. */
  peers(): PeerReport[] {
    const { clock, self, plane, members, keeper, services } = this.#parts;
    const { onLink } = this.#parts.surroundings;
    const prefix6 = prefix6Of(self.network.rootKey);
    const factsOf = this.#standings();
    const nameOf = ({ idText, name }: Pick<Claimant, 'idText' | 'name'>): string =>
      members.nameOf(idText) ?? name;
    return members
      .all()
      .map((peer) => {
        const { member } = peer;
        const holder = members.holderOf(member.ip);
        const seen = keeper.lastSeen(member.idText);
        const facts = {
          name: nameOf(member),
          addressOf: holder && holder.idText !== member.idText ? nameOf(holder) : null,
          ...factsOf(peer),
          lastSeenAgeMs: seen === undefined ? null : Math.max(0, clock.date() - seen),
          prefix6,
          onLink,
          services: services.of(member.idText),
        };
        return peerReport(peer, plane.peerCounters(peer.slot), facts, clock.now());
      })
      .sort((a, b) => a.name.localeCompare(b.name) || a.id.localeCompare(b.id));
  }

  /** What programs connected members offer, this one first. */
  services(): OfferedService[] {
    const { self, name, members, services } = this.#parts;
    const own = { id: self.idText, name: members.nameOf(self.idText) ?? name, ip: self.certificate.ip };
    const all = [
      { ...own, own: true, offered: services.own },
      ...members.all().map(({ member: { idText, name: called, ip } }) => ({
        ...{ id: idText, name: members.nameOf(idText) ?? called, ip, own: false },
        offered: services.of(idText),
      })),
    ];
    return all.flatMap(({ id, name: member, ip, own: isOwn, offered }) =>
      offered.map((service) => ({ ...service, peer: id, member, ip: formatIpv4(ip), own: isOwn })),
    );
  }

  /** Who was barred, the last first. */
  revoked(): RevokedReport[] {
    const { ledger, members, self } = this.#parts;
    const { standing } = ledger;
    const nameOf = (id: string): string | undefined =>
      id === self.idText ? self.certificate.name : members.nameOf(id);
    return [...standing.bars]
      .sort((a, b) => b.time - a.time)
      .map((bar) => ({
        id: bar.idText,
        name: bar.name,
        reason: bar.reason,
        at: new Date(bar.time).toISOString(),
        by: standing.speakerOf(bar, nameOf),
      }));
  }

  routes(): RouteReport[] {
    return this.#parts.subnets.report();
  }

  /** The policy in force, and what its rules did. */
  policy(): PolicyReport {
    return this.#parts.policy.report();
  }

  why(peer: Peer): WhyReport {
    const { clock, relays, surroundings, calls } = this.#parts;
    return whyReport(peer, {
      now: clock.now(),
      local: surroundings.candidates,
      nat: surroundings.nat,
      udpBlocked: relays.udpBlocked,
      unserved: calls?.unserved ?? [],
      reach: this.#parts.reach,
      relays: relays.report(),
      online: relays.isOnline(peer.member.idText),
      onLink: surroundings.onLink,
      uplink: surroundings.uplink,
    });
  }

  /**
   * The peer that a person names. Who is not known here may be known to a relay that does not list everybody.
   *
   * @throws EvioError EVIO_UNKNOWN_PEER; EVIO_NOT_RUNNING when the node was stopped meanwhile.
   */
  async find(named: string): Promise<Peer> {
    const { members, relays, self } = this.#parts;
    const text = withoutDomain(named, domainOf(self.network.name, self.networkId));
    if (!relays.complete && !members.knows(text)) {
      const name = text.slice(0, longestName);
      // Of several with one name, whose numbers relays do not know.
      const [, unnumbered] = /^(.+)-\d+$/.exec(name) ?? [];
      await Promise.all(
        [name, ...(unnumbered === undefined ? [] : [unnumbered])].map((each) => relays.find({ text: each })),
      );
    }
    if (this.#over) throw notRunning(self.network.name);
    if (members.knows(text)) return members.find(text);
    const names = members.all().map(({ member }) => members.nameOf(member.idText) ?? member.name);
    const { node, network } = this.status();
    throw unknownPeer(text, { network: network.name, self: node, names, revoked: this.revoked() });
  }

  /** The run is over: what it knows holds no more. */
  stop(): void {
    this.#over = true;
  }
}

export function notRunning(network: string): EvioError {
  return new EvioError('EVIO_NOT_RUNNING', `The network ${network} does not run.`);
}

function mappingReport({ mapped, mappedBy }: Surroundings): NatReport['portMapping'] {
  return mapped && mappedBy ? { kind: mappedBy, external: formatEndpoint(mapped) } : null;
}
