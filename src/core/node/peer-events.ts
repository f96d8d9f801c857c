/** What peers tell, and what follows for the overlay, the relays, those who watch the node, and its state. */
import type { Clock, Logger } from '../lib/env.js';
import { formatIpv4 } from '../lib/ipv4.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { ActivePath } from '../path/path.js';
import type { Peer } from '../peer/peer.js';
import type { PeerPorts } from '../peer/peer-ports.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { Subnets } from '../subnets/subnets.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import type { RingMessage } from '../wire/ring.js';
import type { NodeEvent } from './events.js';
import type { KeyChanges } from './key-changes.js';
import type { LedgerEvents } from './ledger-events.js';
import type { Pinger } from './pinger.js';
import type { Tidier } from './ports.js';
import type { Renewals } from './renewals.js';
import type { Services } from './services.js';
import type { StateKeeper } from './state-keeper.js';
import type { Waking } from './waking.js';

/** The ports of a peer by which it tells. */
export type PeerNews = Pick<
  PeerPorts<Peer>,
  | 'checkRelays'
  | 'relaySilent'
  | 'connected'
  | 'moved'
  | 'restarted'
  | 'disconnected'
  | 'pong'
  | 'used'
  | 'unanswered'
  | 'ring'
>;

export interface PeerEventParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of the network. */
  readonly network: string;
  readonly relays: RelaySet;
  readonly surroundings: Surroundings;
  readonly members: Peers;
  readonly waking: Waking;
  readonly overlay: OverlayHost;
  readonly subnets: Subnets;
  readonly services: Services;
  readonly ledger: LedgerEvents;
  readonly renewals: Renewals;
  readonly keyChanges: KeyChanges;
  readonly pinger: Pinger;
  readonly keeper: StateKeeper;
  readonly tidying: Tidier | undefined;
  readonly tell: (event: NodeEvent) => void;
}

export class PeerEvents implements PeerNews {
  readonly #parts: PeerEventParts;

  constructor(parts: PeerEventParts) {
    this.#parts = parts;
  }

  checkRelays(): void {
    this.#parts.relays.check();
  }

  relaySilent(): void {
    this.#parts.relays.doubt();
  }

  connected(peer: Peer): void {
    const { log, network, overlay, subnets, services, ledger, renewals, keyChanges, tell } = this.#parts;
    const { idText, ip } = peer.member;
    const name = this.#nameOf(peer);
    // Before anything else passes between the two.
    ledger.connected(peer);
    const path = peer.prober.active;
    log.info('peer connected', { peer: name, path: path?.kind, endpoint: path?.endpoint });
    tell({
      event: 'peer-connected',
      network,
      peer: idText,
      name,
      ip: formatIpv4(ip),
      path: path?.kind ?? 'relay',
    });
    overlay.connected(this.#now, peer);
    subnets.connected(this.#now, idText);
    services.connected(idText);
    renewals.connected(this.#now, peer);
    keyChanges.connected(this.#now, peer);
    this.#parts.tidying?.made(this.#now);
  }

  moved(peer: Peer, from: ActivePath | null, to: ActivePath | null): void {
    if (from?.kind === to?.kind && from?.endpoint === to?.endpoint) return;
    if (to) this.#parts.pinger.reached(peer);
    const { log, network, overlay, relays, surroundings, keeper, tell } = this.#parts;
    if (peer.state === 'connected') overlay.moved(peer);
    const { idText } = peer.member;
    const name = this.#nameOf(peer);
    const move = { from: from?.kind ?? null, to: to?.kind ?? null, endpoint: to?.endpoint ?? null };
    log.info('peer path', { peer: name, ...move });
    tell({ event: 'peer-path', network, peer: idText, name, ...move });
    if (to?.kind === 'direct') keeper.remember(peer);
    // A direct path that fails may mean that our own address changed: relays are asked at once, not at their next heartbeat. Or
    // that the router closed our port.
    if (from?.kind === 'direct' && to?.kind !== 'direct') {
      relays.doubt();
      surroundings.parted(this.#now);
    }
  }

  restarted(peer: Peer): void {
    this.#parts.ledger.connected(peer);
    this.#parts.overlay.restarted(this.#now, peer);
    this.#parts.services.restarted(peer.member.idText);
  }

  disconnected(peer: Peer): void {
    const { log, network, overlay, subnets, ledger, keeper, tell } = this.#parts;
    const { idText } = peer.member;
    const name = this.#nameOf(peer);
    keeper.saw(idText);
    ledger.disconnected(peer);
    log.info('peer lost', { peer: name });
    tell({ event: 'peer-lost', network, peer: idText, name });
    overlay.lost(this.#now, peer);
    subnets.lost(idText);
    this.#parts.services.lost(idText);
    this.#parts.waking.lost(this.#now, peer);
  }

  pong(peer: Peer, transaction: number): void {
    this.#parts.pinger.pong(peer, transaction);
  }

  used(peer: Peer): void {
    this.#parts.overlay.used(this.#now, peer);
  }

  unanswered(peer: Peer): void {
    this.#parts.overlay.unanswered(this.#now, peer);
  }

  ring(peer: Peer, message: RingMessage): void {
    this.#parts.overlay.ring(this.#now, peer, message);
  }

  #nameOf({ member: { idText, name } }: Peer): string {
    return this.#parts.members.nameOf(idText) ?? name;
  }

  get #now(): number {
    return this.#parts.clock.now();
  }
}

/** Their names, for `Turn.outputs`. */
export const peerNewsNames: { readonly [K in keyof PeerNews]: true } = {
  checkRelays: true,
  relaySilent: true,
  connected: true,
  moved: true,
  restarted: true,
  disconnected: true,
  pong: true,
  used: true,
  unanswered: true,
  ring: true,
};
