/**
 * What the data plane tells: packets from strangers go to who understands them, what members sent to their peer. Each
 * call is an input of a turn.
 */
import type { Carriers } from '../carriers/carrier.js';
import type { DataPlane, Origin, PlaneListener, Suspicion } from '../dataplane/plane/plane.js';
import type { Endpoint } from '../lib/endpoint.js';
import type { Clock, Logger } from '../lib/env.js';
import type { OverlayHost } from '../overlay/overlay-host.js';
import type { HandshakeDoor } from '../peer/handshake-door.js';
import type { Peer } from '../peer/peer.js';
import type { Peers } from '../peer/peers.js';
import type { RelaySet } from '../relays/relay-set.js';
import type { Surroundings } from '../surroundings/surroundings.js';
import { podAddressOf } from '../subnets/pods.js';
import type { Subnets } from '../subnets/subnets.js';
import { parseControl } from '../wire/control.js';
import { looksLikeStun, PacketType } from '../wire/packet.js';
import { parseBirthday } from '../wire/birthday.js';
import { parseIce } from '../wire/ice.js';
import { parseLedger } from '../wire/ledger.js';
import { parseRing } from '../wire/ring.js';
import { parseTestimony } from '../wire/testimony.js';
import type { Bridge } from './bridge.js';
import type { Farewells } from './farewells.js';
import type { KeyChanges } from './key-changes.js';
import type { Renewals } from './renewals.js';
import type { Testimonies } from './testimonies.js';
import type { Services } from './services.js';
import { parseServices } from '../wire/services.js';
import { parseSubnets } from '../wire/subnets.js';
import type { NodeEvent } from './events.js';
import type { LedgerEvents } from './ledger-events.js';
import type { Refusals } from './refusals.js';
import type { Views } from './compose-views.js';
import type { PeerBirthdays } from './peer-birthdays.js';
import type { PeerCalls } from './peer-calls.js';
import type { PolicyHost } from './policy-host.js';

export interface PlaneEventParts {
  readonly clock: Clock;
  readonly log: Logger;
  /** Id of the network. */
  readonly network: string;
  readonly plane: Pick<DataPlane, 'learn'>;
  readonly carriers: Carriers;
  readonly relays: RelaySet;
  readonly surroundings: Surroundings;
  readonly members: Peers;
  readonly door: HandshakeDoor;
  readonly overlay: OverlayHost;
  readonly testimonies: Testimonies;
  readonly renewals: Renewals;
  readonly keyChanges: KeyChanges;
  readonly farewells: Farewells;
  readonly subnets: Subnets;
  readonly bridge: Bridge;
  readonly services: Services;
  readonly tell: (event: NodeEvent) => void;
  readonly ledger: LedgerEvents;
  readonly policy: PolicyHost;
  readonly refusals: Refusals;
  readonly views: Views;
  /** None: calls are not answered. */
  readonly calls: PeerCalls | undefined;
  /** None: it takes part in no birthday. */
  readonly birthdays: PeerBirthdays | undefined;
  /** False: what members send by no relay goes unanswered. */
  readonly direct: boolean;
  /** The node cannot go on. */
  readonly fatal: (error: Error) => void;
}

export class PlaneEvents implements PlaneListener {
  readonly #parts: PlaneEventParts;
  #restarts = 0;

  constructor(parts: PlaneEventParts) {
    this.#parts = parts;
  }

  /** How often a packet thread was started again. */
  get restarts(): number {
    return this.#restarts;
  }

  packet(bytes: Uint8Array, origin: Origin): void {
    const { door, relays, surroundings, policy } = this.#parts;
    const now = this.#now;
    const type = bytes[0] ?? 0xff;
    if (origin.kind === 'direct') {
      if (looksLikeStun(type)) surroundings.receiveStun(now, bytes, origin.endpoint);
      const aboutRelay = type === PacketType.relayBound || type === PacketType.relayUnbound;
      if (aboutRelay) relays.receive(now, bytes, origin.endpoint);
      if (!this.#parts.direct) return;
    }
    if (type === PacketType.handshakeInit) {
      const peer = door.initiation(now, bytes, origin);
      if (peer) policy.look(now, peer);
      this.#heard(now, peer, origin);
    }
    if (type === PacketType.handshakeResponse) this.#heard(now, door.response(now, bytes, origin), origin);
    if (type === PacketType.cookieReply) door.cookie(now, bytes);
  }

  control(slot: number, bytes: Uint8Array, origin: Origin): void {
    if (origin.kind === 'direct' && !this.#parts.direct) return;
    const now = this.#now;
    const peer = this.#parts.members.bySlot(slot);
    const message = parseControl(bytes) ?? parseRing(bytes);
    if (message) peer?.control(now, message, origin);
    else if (peer?.session.established) this.#other(now, peer, bytes);
    this.#heard(now, peer, origin);
  }

  confirmed(slot: number, localIndex: number): void {
    this.#tell(slot, (peer, now) => {
      peer.session.confirm(now, localIndex);
    });
  }

  wanted(slot: number): void {
    this.#tell(slot, (peer, now) => {
      peer.connect(now);
      this.#parts.overlay.used(now, peer);
    });
  }

  stirred(slot: number): void {
    this.#tell(slot, (peer, now) => {
      peer.stirred(now);
    });
  }

  conduct(slot: number): void {
    this.#tell(slot, (peer, now) => {
      this.#parts.policy.look(now, peer);
    });
  }

  unknown(mac: Uint8Array): void {
    const { members, overlay, plane, subnets } = this.#parts;
    const address = podAddressOf(mac);
    const holder = address && subnets.holderOf(address);
    const peer = holder === undefined ? undefined : members.get(holder);
    if (peer) plane.learn(peer.slot, mac);
    else overlay.unknownMac(this.#now, mac);
  }

  stranger(slot: number, id: Uint8Array): void {
    this.#tell(slot, (peer, now) => {
      this.#parts.overlay.stranger(now, peer, id);
    });
  }

  suspect(slot: number, reason: Suspicion): void {
    this.#tell(slot, ({ member: { name, idText } }) => {
      const { log, network, tell, refusals } = this.#parts;
      refusals.refused(idText, reason);
      log.warn('peer is suspect', { peer: name, reason });
      tell({ event: 'peer-suspect', network, peer: idText, name, reason });
    });
  }

  roamed(slot: number, endpoint: Endpoint): void {
    this.#tell(slot, (peer, now) => {
      peer.roamed(now, endpoint);
    });
  }

  carry(carrier: number, destination: Uint8Array, batch: Uint8Array): void {
    this.#parts.carriers.carry(carrier, destination, batch);
  }

  lanHello(frame: Uint8Array): void {
    this.#parts.bridge.heard(frame);
  }

  exhausted(slot: number, localIndex: number): void {
    this.#tell(slot, (peer, now) => {
      peer.session.exhausted(now, localIndex);
    });
  }

  restarted(restarts: number, reason: string): void {
    this.#restarts = restarts;
    this.#parts.log.error('packet worker restarted', { restarts, reason });
  }

  failed(error: Error): void {
    this.#parts.log.error('data plane failed', { reason: error.message });
    this.#parts.fatal(error);
  }

  /** What is not about the peer or the ring: the ledger, memberships, subnets. */
  #other(now: number, peer: Peer, bytes: Uint8Array): void {
    const { ledger, testimonies, renewals, keyChanges, farewells, subnets, calls, views } = this.#parts;
    if (views.received(now, peer, bytes)) return;
    const call = parseIce(bytes);
    if (call) {
      calls?.receive(now, peer, call);
      return;
    }
    const birthday = parseBirthday(bytes);
    if (birthday) {
      this.#parts.birthdays?.receive(now, peer, birthday);
      return;
    }
    const statement = parseLedger(bytes);
    if (statement) {
      ledger.receive(peer, statement);
      return;
    }
    const told = parseTestimony(bytes);
    if (told?.type === 'receipt') testimonies.received(told.document);
    if (told?.type === 'farewell') farewells.heard(told.document, peer.member.idText);
    if (told?.type === 'renew') renewals.requested(now, peer, told.document);
    if (told?.type === 'renewed') renewals.received(now, peer, told.document);
    if (told?.type === 'rekey') keyChanges.requested(now, peer, told.document);
    if (told?.type === 'rekeyed') keyChanges.received(told.document);
    const message = parseSubnets(bytes);
    if (message) subnets.receive(now, peer.member.idText, message);
    const offered = parseServices(bytes);
    if (offered) this.#parts.services.receive(peer.member.idText, offered);
    if (!told && !message && !offered) this.#parts.refusals.refused(peer.member.idText, 'unreadable');
  }

  get #now(): number {
    return this.#parts.clock.now();
  }

  #tell(slot: number, tell: (peer: Peer, now: number) => void): void {
    const peer = this.#parts.members.bySlot(slot);
    if (peer) tell(peer, this.#now);
  }

  /** A genuine packet of the peer came this way, which may be news. */
  #heard(now: number, peer: Peer | undefined, origin: Origin): void {
    if (peer && this.#isNews(origin, peer.member.idText)) peer.waysChanged(now);
  }

  #isNews(origin: Origin, idText: string): boolean {
    const { relays, carriers } = this.#parts;
    if (origin.kind === 'carrier') return carriers.heard(origin.carrier, idText);
    return origin.kind === 'relay' && relays.heard(origin.relay, idText);
  }
}

/** Its methods, for `Turn.inputs`. */
export const planeEventNames: { readonly [K in keyof PlaneListener]: true } = {
  packet: true,
  control: true,
  confirmed: true,
  wanted: true,
  stirred: true,
  conduct: true,
  unknown: true,
  stranger: true,
  suspect: true,
  roamed: true,
  carry: true,
  lanHello: true,
  exhausted: true,
  restarted: true,
  failed: true,
};
