/** The ways to peers that need no probing, and who hears when they change. */
import type { Clock } from '../lib/env.js';
import type { RelayChoice } from '../path/path.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { OverlayHostPorts } from '../overlay/ports.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { Change, SurroundingsPorts } from '../surroundings/surroundings.js';
import type { Card } from '../wire/ring.js';
import type { PeerTimers } from './peer-timers.js';
import type { Waking } from './waking.js';

/** So long after a change the outside addresses that we offered are old ones, ms. */
const freshMs = 5_000;

/** Knows ways to a peer that work now; best first. */
export type WaySource = (peer: Peer) => readonly RelayChoice[];

/** Asks its sources in the order in which they were added; the first that knows any way is the one that counts. */
export class Ways {
  readonly #sources: WaySource[] = [];

  add(source: WaySource): void {
    this.#sources.push(source);
  }

  to(peer: Peer): readonly RelayChoice[] {
    for (const source of this.#sources) {
      const ways = source(peer);
      if (ways.length > 0) return ways;
    }
    return [];
  }
}

/** What the ways of all peers depend on has changed: told by relays, surroundings and the overlay. */
export type WayNews = Pick<SurroundingsPorts, 'discovered' | 'changed' | 'rerouted' | 'nearby' | 'forecast'> &
  Pick<OverlayHostPorts, 'waysChanged'>;

/** Their names, for `Turn.outputs`. */
export const wayNewsNames = {
  discovered: true,
  changed: true,
  rerouted: true,
  nearby: true,
  forecast: true,
  waysChanged: true,
} as const;

export class WayEvents implements WayNews {
  readonly #clock: Clock;
  readonly #members: Peers;
  readonly #overlay: Pick<OverlayHost, 'named'>;
  readonly #timers: PeerTimers<Peer>;
  readonly #renew: (change: Change) => void;
  readonly #waking: Waking;
  #changedAt = -Infinity;

  /** @param renew binds another socket, and has the relays look whether they are still there, or connects anew */
  constructor(
    clock: Clock,
    members: Peers,
    overlay: Pick<OverlayHost, 'named'>,
    timers: PeerTimers<Peer>,
    waking: Waking,
    renew: (change: Change) => void,
  ) {
    this.#clock = clock;
    this.#members = members;
    this.#overlay = overlay;
    this.#timers = timers;
    this.#waking = waking;
    this.#renew = renew;
  }

  /** Relays or members came or went, or carry packets in another way. */
  waysChanged(): void {
    this.#tellAll((peer, now) => {
      peer.waysChanged(now);
    });
  }

  /** A member came to a relay. It may lead to others, too: who has no way to one of them looks again soon by itself (path/prober.ts). */
  appeared(idText: string): void {
    const peer = this.#members.get(idText);
    if (!peer) return;
    peer.waysChanged(this.#clock.now());
    this.#timers.touch(peer);
  }

  /** We have another address: peers that are not reached directly hear of it, and all just after a change. */
  discovered(): void {
    this.#tellAll((peer, now) => {
      if (peer.prober.active?.kind !== 'direct' || now - this.#changedAt < freshMs) peer.offer(now);
    });
  }

  /** Peers hear what our NAT does, and those that are being reached open theirs for the ports that it gave. */
  forecast(): void {
    for (const peer of this.#members.all()) peer.tellNat();
  }

  /** The machine is in another network, slept, or its packets leave by another interface. */
  changed(change: Change): void {
    this.#changedAt = this.#clock.now();
    this.#renew(change);
    // Relays that may be gone are none by now, so handshakes go wherever the peers were.
    if (change === 'slept') this.#waking.woke(this.#changedAt);
    this.#tellAll((peer, now) => {
      peer.prober.networkChanged(now);
    });
  }

  /** Packets to some addresses may go by other interfaces now. */
  rerouted(): void {
    this.#tellAll((peer, now) => {
      peer.prober.rerouted(now);
    });
  }

  /** A member of our LAN: another way to it, and somebody to be linked with where no relay tells of anybody. */
  nearby({ credential, candidates }: Card): void {
    const now = this.#clock.now();
    const peer = this.#members.take(credential);
    if (!peer) return;
    const endpoints = candidates.map(({ endpoint }) => endpoint);
    peer.nearby(now, endpoints);
    if (!peer.session.established) this.#overlay.named(now, [peer.member.idText]);
    this.#timers.touch(peer);
  }

  #tellAll(tell: (peer: Peer, now: number) => void): void {
    const now = this.#clock.now();
    for (const peer of this.#members.all()) {
      tell(peer, now);
      this.#timers.touch(peer);
    }
  }
}
