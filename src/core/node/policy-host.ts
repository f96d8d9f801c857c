/**
 * The policy in a running node: what the ledger has goes to the enforcement, what members do to the watch, and what
 * follows to the data plane, to the log and to those who watch the node.
 */
import type { DataPlane } from '../dataplane/plane/plane.js';
import { peerLimit } from '../dataplane/plane/shared.js';
import type { Member } from '../identity/certificate.js';
import type { Clock, Logger } from '../lib/env.js';
import type { Self } from '../membership/self.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import { AnomalyWatch, type Anomaly, type Conduct } from '../policy/anomaly.js';
import { Enforcement, type PolicyDocument, type PolicyReport } from '../policy/enforcement.js';
import { subjectOf } from '../policy/subjects.js';
import { Quarantine, type Confinement } from '../policy/quarantine.js';
import type { NodeEvent } from './events.js';
import type { Timed } from './pulse.js';
import type { AnomalyReport } from './reports.js';

/** Anomalies that are kept for `evio status`. */
const kept = 16;

export interface PolicyHostParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of the network. */
  readonly network: string;
  readonly self: Self;
  readonly plane: DataPlane;
  readonly members: Peers;
  readonly tell: (event: NodeEvent) => void;
}

export class PolicyHost implements Timed {
  readonly #parts: PolicyHostParts;
  readonly #enforcement: Enforcement;
  readonly #watch = new AnomalyWatch();
  readonly #quarantine = new Quarantine();
  #anomalies: AnomalyReport[] = [];

  constructor(parts: PolicyHostParts) {
    this.#parts = parts;
    const { self, plane, members } = parts;
    this.#enforcement = new Enforcement({
      plane,
      slots: peerLimit,
      self: () => subjectOf({ ...self.certificate, idText: self.idText }, members.nameOf(self.idText)),
      members: () =>
        members.all().map(({ slot, member }) => ({
          slot,
          subject: subjectOf(member, members.nameOf(member.idText)),
        })),
      applied: () => {
        for (const id of this.#quarantine.ids()) this.#setQuarantine(id, true);
      },
    });
  }

  /** The last ones, newest first. */
  get anomalies(): readonly AnomalyReport[] {
    return this.#anomalies;
  }

  confinementOf(peer: Peer): Confinement | undefined {
    return this.#quarantine.get(peer.member.idText);
  }

  report(): PolicyReport {
    return this.#enforcement.report();
  }

  /** The network has this policy now; undefined: none. */
  take(document: PolicyDocument | undefined): void {
    const { log } = this.#parts;
    this.#enforcement.set(document);
    const { fault, policy } = this.#enforcement;
    if (fault) log.error('policy not understood: the one before it stays', { ...fault });
    else log.info('policy', { serial: document?.serial ?? null, rules: policy?.rules.length ?? 0 });
    // Who is in for what the policy knows no quarantine for any more is let go.
    for (const id of [...this.#quarantine.ids()]) {
      const kind = this.#quarantine.get(id)?.kind;
      if (kind && policy?.quarantine.has(kind)) continue;
      this.#quarantine.free(id);
      this.#over(id);
    }
  }

  /** A member is new, or has another certificate. */
  changed({ idText }: Member): void {
    // The data plane knows a new peer by its slot.
    if (this.#quarantine.get(idText)) this.#setQuarantine(idText, true);
    this.#enforcement.membersChanged(this.#parts.clock.now());
  }

  /** Its peer is no more. */
  removed(peer: Peer): void {
    this.#watch.forget(peer.member.idText);
  }

  get dueAt(): number {
    return Math.min(this.#enforcement.dueAt, this.#quarantine.dueAt, this.#watch.dueAt);
  }

  tick(now: number): void {
    this.#enforcement.tick(now);
    for (const id of this.#quarantine.release(now)) this.#over(id);
    for (const id of this.#watch.due(now)) {
      const peer = this.#parts.members.get(id);
      if (peer)
        for (const found of this.#watch.judge(now, id, this.#conductOf(peer))) this.#found(now, peer, found);
    }
  }

  /** A counter of its conduct has moved. */
  look(now: number, peer: Peer): void {
    for (const anomaly of this.#watch.look(now, peer.member.idText, this.#conductOf(peer)))
      this.#found(now, peer, anomaly);
  }

  #conductOf(peer: Peer): Conduct {
    const { probes, spoofed, floodLimited, replayed } = this.#parts.plane.peerCounters(peer.slot);
    return {
      scan: probes,
      spoof: spoofed,
      flood: floodLimited,
      storm: peer.session.accepted,
      replay: replayed,
    };
  }

  #found(now: number, peer: Peer, { kind, count }: Anomaly): void {
    const { clock, log, network, tell } = this.#parts;
    const { idText, name } = peer.member;
    const quarantineMs = this.#enforcement.policy?.quarantine.get(kind) ?? null;
    log.warn('anomaly', { peer: name, kind, count, quarantineMs });
    const at = new Date(clock.date()).toISOString();
    this.#anomalies = [{ at, peer: idText, name, kind, count }, ...this.#anomalies].slice(0, kept);
    if (quarantineMs !== null) {
      this.#quarantine.confine(now, idText, kind, quarantineMs);
      this.#setQuarantine(idText, true);
    }
    tell({ event: 'anomaly', network, peer: idText, name, kind, count, quarantineMs });
  }

  #over(id: string): void {
    const { log, network, members, tell } = this.#parts;
    this.#setQuarantine(id, false);
    const name = members.get(id)?.member.name ?? id;
    log.info('quarantine over', { peer: name });
    tell({ event: 'quarantine-over', network, peer: id, name });
  }

  #setQuarantine(id: string, on: boolean): void {
    const { plane, members } = this.#parts;
    const peer = members.get(id);
    if (peer) plane.setQuarantine(peer.slot, on);
  }
}
