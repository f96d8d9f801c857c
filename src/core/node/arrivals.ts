/**
 * Members that arrive: they become known, or come online at a relay. Who of two begins the handshake is settled by
 * politeness, and plane and overlay hear of many new members together.
 */
import type { DataPlane } from '../dataplane/plane/plane.js';
import type { Member } from '../identity/certificate.js';
import type { Clock } from '../lib/env.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { OwnAddress } from './own-address.js';
import type { PassingMembers } from './passing-members.js';
import type { PeerTimers } from './peer-timers.js';
import type { Timed } from './pulse.js';
import type { StateKeeper } from './state-keeper.js';

/** A member that appears is left this long to begin by itself when its id is lower than ours. */
const politeMs = 700;
/** With more members than this, plane and overlay hear of new ones after so many ms: it costs work for each of all. */
const manyMembers = 64;
const manyMembersMs = 100;

export interface ArrivalsParts {
  readonly clock: Clock;
  /** Own node id. */
  readonly idText: string;
  readonly plane: DataPlane;
  readonly relays: RelaySet;
  readonly members: Peers;
  readonly overlay: OverlayHost;
  readonly timers: PeerTimers<Peer>;
  readonly keeper: StateKeeper;
  readonly ownAddress: OwnAddress;
  readonly passing: PassingMembers;
  /** Does it at the end of this turn. */
  readonly later: (deed: () => void) => void;
}

export class Arrivals implements Timed {
  readonly #parts: ArrivalsParts;
  /** Members that may begin by themselves, and until when. */
  readonly #polite = new Map<string, number>();
  /** When plane and overlay hear of the members that changed; Infinity when they know. */
  #announceAt = Infinity;

  constructor(parts: ArrivalsParts) {
    this.#parts = parts;
  }

  get dueAt(): number {
    // Each is given the same time, so the first is the oldest.
    const [oldest] = this.#polite.values();
    return Math.min(this.#announceAt, oldest ?? Infinity);
  }

  /** A member came online at a relay. */
  appeared(idText: string): void {
    const { members, overlay, clock } = this.#parts;
    const peer = members.get(idText);
    if (!peer || peer.session.established) return;
    if (idText > this.#parts.idText) overlay.named(clock.now(), [idText]);
    else this.#polite.set(idText, clock.now() + politeMs);
  }

  /** A member is new, or has another certificate. */
  changed(member: Member): void {
    const { relays, keeper, passing } = this.#parts;
    if (relays.complete && relays.isOnline(member.idText)) this.appeared(member.idText);
    keeper.changed();
    passing.changed(member.ephemeral);
    this.forgotten();
  }

  /** Members are no more, or others: plane and overlay have to hear of it. */
  forgotten(): void {
    const { members, clock, later } = this.#parts;
    if (this.#announceAt !== Infinity) return;
    const many = members.size > manyMembers;
    this.#announceAt = clock.now() + (many ? manyMembersMs : 0);
    // A welcome brings many members at once: what it says comes first.
    if (!many)
      later(() => {
        this.tick(clock.now());
      });
  }

  /** Its peer is no more. */
  removed(peer: Peer): void {
    this.#polite.delete(peer.member.idText);
    this.#parts.timers.remove(peer);
    this.#parts.overlay.lost(this.#parts.clock.now(), peer);
  }

  tick(now: number): void {
    if (now >= this.#announceAt) this.#announce(now);
    const { members, relays, overlay } = this.#parts;
    for (const [idText, at] of this.#polite) {
      if (now < at) continue;
      this.#polite.delete(idText);
      const peer = members.get(idText);
      if (peer && !peer.session.established && relays.isOnline(idText)) overlay.named(now, [idText]);
    }
  }

  #announce(now: number): void {
    this.#announceAt = Infinity;
    const { plane, members, overlay, ownAddress } = this.#parts;
    ownAddress.look();
    // Of two with one address the first has it.
    plane.setNeighbours(members.byClaim().map(({ member: { ip, mac } }) => ({ ip, mac })));
    overlay.membersChanged(now);
  }
}
