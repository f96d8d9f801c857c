/**
 * One peer's whole protocol life: its session, its paths, its candidates and the counters that judge them.
 * No I/O: the packet path is a port, time is an argument.
 */
import type { DataPlane, Origin, Path, PeerCounters, SessionKeys } from '../dataplane/plane/plane.js';
import type { Member } from '../identity/certificate.js';
import { Right } from '../identity/certificate.js';
import { dhPublicKey } from '../identity/keys.js';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import { isProbeable } from '../surroundings/candidate.js';
import { Prober, type ActivePath, type RelayChoice } from '../path/prober.js';
import { WhyLog } from '../path/why.js';
import {
  encodeAccept,
  encodeGoodbye,
  encodeOffer,
  encodePing,
  encodePong,
  type Candidate,
  type Control,
} from '../wire/control.js';
import type { RingMessage } from '../wire/ring.js';
import type { PeerState } from './peer-state.js';
import { Session, type SessionContext } from './session.js';

/** An offer is repeated until it is accepted. */
const offerRetryMs = 500;
const offerTries = 6;
/** Offers that are taken at once, and ms until one more is: each makes us ping addresses that the peer names. */
const offersAtOnce = 4;
const offerRefillMs = 500;
/** Silence in spite of heartbeats (path/prober.ts): ask for a new session, then call the peer lost. */
const silentMs = 15_000;
const lostMs = 35_000;
/** Frames go out by a relay and nothing comes back: the relay link is asked whether it still stands. */
const relaySilenceMs = 1_500;
/** A relayed peer that falls quiet after use: binds are renewed this often, for so long. */
const relayQuietMs = 1_000;
const relayQuietForMs = 5_000;
/** Handshakes unanswered for so long make a peer unreachable. */
const unreachableMs = 15_000;
/** Remembered endpoints of a peer: the way back when no relay answers. */
const rememberedLimit = 4;
/** Endpoints that a mutual friend named, and ways that one handshake packet goes. */
const introducedLimit = 6;
const handshakeWays = 10;

export interface PeerPorts {
  readonly env: Env;
  readonly plane: DataPlane;
  /** Sends a handshake packet: by the plane, or by the WebSocket that the path names. */
  sendPacket(packet: Uint8Array, path: Path): void;
  readonly session: SessionContext;
  /** Length of a ping that fills the longest packet. */
  readonly fullPing: number;
  /** Ways through relays, then through other members. */
  relays(peer: Peer): readonly RelayChoice[];
  candidates(): readonly Candidate[];
  /** Something may be wrong with UDP to the relays: bind again. Costs little. */
  checkRelays(): void;
  /** Something is wrong with what goes through relays: check the WebSockets too. */
  relaySilent(): void;
  connected(peer: Peer): void;
  moved(peer: Peer, from: ActivePath | null, to: ActivePath | null): void;
  /** The peer is another process than before; it stays connected. */
  restarted(peer: Peer): void;
  disconnected(peer: Peer): void;
  /** Answers to pings that the prober did not send. */
  pong(peer: Peer, transaction: number): void;
  /** Frames went to or came from it since the last tick. */
  used(peer: Peer): void;
  /** A message about the ring. */
  ring(peer: Peer, message: RingMessage): void;
}

export class Peer {
  readonly slot: number;
  readonly session: Session;
  readonly prober: Prober;
  readonly why = new WhyLog();
  readonly #ports: PeerPorts;
  #member: Member;
  #offerSequence = 0;
  #offerTries = 0;
  #offerAt = Infinity;
  #remoteOffer = -1;
  #offers = offersAtOnce;
  #offersAt = 0;
  #lastOrigin: Path | null = null;
  #handshakeVia: Endpoint | undefined;
  #connectingSince: number | undefined;
  #connected = false;
  #txRelayedSeen = 0;
  #relayTxAt = -Infinity;
  #relayCheckedAt = -Infinity;
  #establishedAt = 0;
  #remembered: Endpoint[];
  #introduced: Endpoint[] = [];
  #offered: readonly Candidate[] = [];
  #rxAtMs = 0;
  #txSeen = 0;
  /** Kept, so that looking at many peers often leaves no garbage. */
  readonly #counters = {} as PeerCounters;
  #framesSeen = 0;
  #waitingSince: number | undefined;

  /** Throws TypeError when the member's key is not a point of the curve. The caller has given `slot` to no other peer. */
  constructor(ports: PeerPorts, slot: number, member: Member, remembered: readonly string[]) {
    this.#ports = ports;
    this.#member = member;
    this.slot = slot;
    this.#remembered = remembered.map(parseEndpoint).filter((e) => e !== undefined);
    const remoteStatic = dhPublicKey(member.key);
    if (!remoteStatic) throw new TypeError(`the key of ${member.idText} is not on the curve`);
    const { plane, env } = ports;
    plane.addPeer(slot, member.id, guardOf(member));
    this.session = new Session(
      ports.session,
      {
        handshakePaths: () => this.#handshakePaths(),
        send: (packet, path) => {
          ports.sendPacket(packet, path);
        },
        addKey: (keys: SessionKeys) => {
          plane.addKey(slot, keys);
        },
        useKey: (index) => {
          plane.useKey(slot, index);
        },
        removeKey: (index) => {
          plane.removeKey(index);
        },
        keepalive: () => {
          const path = this.prober.path ?? this.#lastOrigin;
          if (path) plane.sendControl(slot, new Uint8Array(0), path);
        },
        established: (restarted) => {
          this.#established(env.clock.now(), restarted);
        },
        lost: () => {
          this.#lose('session expired');
        },
      },
      remoteStatic,
    );
    this.prober = new Prober(
      env,
      {
        ping: (transaction, size, path) => {
          plane.sendControl(slot, encodePing(transaction, size), path);
        },
        offer: () => {
          this.offer(env.clock.now());
        },
        setPath: (path) => {
          plane.setPath(slot, path);
        },
        suspicious: () => {
          ports.checkRelays();
        },
        relays: () => ports.relays(this),
        changed: (from, to) => {
          if (to?.kind === 'direct') this.#remember(to.endpoint);
          ports.moved(this, from, to);
          this.#tellConnected();
        },
        log: (event, detail) => {
          this.why.add(env.clock.date(), event, detail);
        },
      },
      ports.fullPing,
    );
  }

  get member(): Member {
    return this.#member;
  }

  get remembered(): readonly Endpoint[] {
    return this.#remembered;
  }

  get state(): PeerState {
    if (this.session.established && this.prober.path) return 'connected';
    if (!this.session.connecting && !this.session.established) return 'idle';
    const since = this.#connectingSince;
    return since !== undefined && this.#ports.env.clock.now() - since > unreachableMs
      ? 'unreachable'
      : 'connecting';
  }

  /** Takes a newer certificate of the same node. False when address or rights differ, so that the peer must be made anew. */
  update(member: Member): boolean {
    if (member.ip !== this.#member.ip || member.rights !== this.#member.rights) return false;
    this.#member = member;
    return true;
  }

  connect(now: number, soon = true): void {
    if (!this.session.established) this.#connectingSince ??= now;
    this.session.connect(now, soon);
  }

  /** A mutual friend named these endpoints of the peer; it was told ours. Handshakes to them open the NATs. */
  introduced(now: number, candidates: readonly Candidate[]): void {
    this.#introduced = candidates
      .map(({ endpoint }) => endpoint)
      .filter(isProbeable)
      .slice(0, introducedLimit);
    this.connect(now);
  }

  /** Where others may try to reach the peer: what it offered to us, and where we reach it. */
  get whereabouts(): Candidate[] {
    const { active } = this.prober;
    const endpoint = active?.kind === 'direct' ? parseEndpoint(active.endpoint) : undefined;
    return [...(endpoint ? [{ kind: 'reflexive' as const, endpoint }] : []), ...this.#offered];
  }

  /** ms since anything authentic came from it. */
  get silenceMs(): number {
    const { plane } = this.#ports;
    const at = plane.peerCounters(this.slot, this.#counters).lastRxMs;
    return at === 0 ? Infinity : plane.now() - at;
  }

  /** ms since frames or others' packets began to go out to it with nothing coming back; 0 when there are none. */
  waitingMs(now: number): number {
    return this.#waitingSince === undefined ? 0 : now - this.#waitingSince;
  }

  /** Ends the session: nobody needs it, or it is believed dead. */
  disconnect(reason: string): void {
    this.goodbye();
    this.#lose(reason);
    this.session.reset();
  }

  /** Sends our candidates, again until the peer accepts. */
  offer(now: number): void {
    if (!this.session.established) return;
    this.#offerSequence++;
    this.#offerTries = 0;
    this.#sendOffer(now);
  }

  /** A handshake packet of this peer came this way. */
  heardFrom(origin: Origin): void {
    this.#lastOrigin = pathBack(origin, this.#member.id);
    this.#handshakeVia = origin.kind === 'direct' ? origin.endpoint : undefined;
  }

  /** A control message that the plane authenticated. */
  control(now: number, message: Control | RingMessage, origin: Origin): void {
    const back = pathBack(origin, this.#member.id);
    this.#lastOrigin = back;
    const { plane } = this.#ports;
    switch (message.type) {
      case 'ping': {
        const direct = origin.kind === 'direct' ? origin.endpoint : undefined;
        const received = plane.peerCounters(this.slot, this.#counters).rxDirect;
        plane.sendControl(this.slot, encodePong(message.transaction, direct, received), back);
        if (direct) this.prober.observed(now, direct, 'ping');
        return;
      }
      case 'pong':
        this.prober.pong(now, message.transaction, message.directFrames, origin.kind === 'direct');
        this.#ports.pong(this, message.transaction);
        return;
      case 'offer':
        if (message.sequence > this.#remoteOffer && !this.#mayOffer(now)) return;
        plane.sendControl(this.slot, encodeAccept(message.sequence), back);
        if (message.sequence <= this.#remoteOffer) return;
        this.#remoteOffer = message.sequence;
        this.#offered = message.candidates;
        this.prober.offer(now, message.candidates);
        return;
      case 'accept':
        if (message.sequence === this.#offerSequence) this.#offerAt = Infinity;
        return;
      case 'goodbye':
        this.#lose('peer said goodbye');
        this.session.reset();
        return;
      default:
        this.#ports.ring(this, message);
    }
  }

  /** An authenticated packet came from another direct endpoint than our path's. */
  roamed(now: number, endpoint: Endpoint): void {
    this.prober.observed(now, endpoint, 'roamed');
  }

  /** Sends one ping for a person, by the path that data takes. */
  ping(transaction: number): void {
    const path = this.prober.path;
    if (path) this.#ports.plane.sendControl(this.slot, encodePing(transaction, 64), path);
  }

  tick(now: number): void {
    this.session.tick(now);
    const { plane } = this.#ports;
    const counters = plane.peerCounters(this.slot, this.#counters);
    const planeNow = plane.now();
    const age = (at: number): number => (at === 0 ? Infinity : planeNow - at);
    if (this.session.established) {
      this.#traffic(now, counters);
      this.prober.tick(now, {
        txDirect: counters.txDirect,
        rxDirect: counters.rxDirect,
        directRxAgeMs: age(counters.lastRxDirectMs),
      });
      this.#watch(now, counters.txRelayed, age(counters.lastRxMs));
    }
    if (now >= this.#offerAt) {
      if (this.#offerTries >= offerTries || !this.session.established) this.#offerAt = Infinity;
      else this.#sendOffer(now);
    }
  }

  #traffic(now: number, counters: PeerCounters): void {
    const sent = counters.txFrames + counters.txTransit;
    if (counters.lastRxMs !== this.#rxAtMs) {
      this.#rxAtMs = counters.lastRxMs;
      this.#txSeen = sent;
      this.#waitingSince = undefined;
    } else if (sent !== this.#txSeen) {
      this.#waitingSince ??= now;
    }
    const frames = counters.txFrames + counters.rxFrames;
    if (frames !== this.#framesSeen) this.#ports.used(this);
    this.#framesSeen = frames;
  }

  /** True while tenths of a second matter. */
  get busy(): boolean {
    return this.prober.busy || this.session.hurried || this.#offerAt !== Infinity;
  }

  goodbye(): void {
    if (this.session.established) this.#ports.plane.sendControl(this.slot, encodeGoodbye());
  }

  /** Ends everything and gives the slot back. */
  close(): void {
    this.session.reset();
    this.prober.reset();
    this.#ports.plane.removePeer(this.slot);
  }

  #watch(now: number, txRelayed: number, rxAge: number): void {
    if (txRelayed !== this.#txRelayedSeen) {
      if (this.#relayTxAt === -Infinity || rxAge < 500) this.#relayTxAt = now;
      this.#txRelayedSeen = txRelayed;
      if (
        this.prober.active?.kind === 'relay' &&
        rxAge > relaySilenceMs &&
        now - this.#relayTxAt > relaySilenceMs
      ) {
        this.#relayTxAt = now;
        this.#ports.relaySilent();
        if (rxAge > 2 * relaySilenceMs) this.session.connect(now);
      }
    }
    const quietRelay =
      this.prober.active?.kind === 'relay' && rxAge > relayQuietMs && rxAge < relayQuietForMs;
    if (quietRelay && now - this.#relayCheckedAt >= relayQuietMs) {
      this.#relayCheckedAt = now;
      this.#ports.checkRelays();
    }
    const quiet = Math.min(rxAge, now - this.#establishedAt);
    if (quiet > lostMs) {
      this.#lose(`silent for ${Math.round(quiet / 1000)} s`);
      this.session.reset();
      this.connect(now);
    } else if (quiet > silentMs) {
      this.session.connect(now, false);
    }
  }

  #established(now: number, restarted: boolean): void {
    this.#connectingSince = undefined;
    this.#establishedAt = now;
    if (!restarted) return;
    const connected = this.#connected;
    this.#remoteOffer = -1;
    this.prober.reset();
    this.why.add(this.#ports.env.clock.date(), 'session', 'established');
    this.prober.start(now, this.#handshakeVia);
    for (const endpoint of this.#remembered) this.prober.observed(now, endpoint, 'remembered');
    if (connected) this.#ports.restarted(this);
  }

  /** Once there are a session and a path, in whichever order they came. */
  #tellConnected(): void {
    if (this.#connected || !this.session.established || !this.prober.path) return;
    this.#connected = true;
    this.#ports.connected(this);
  }

  /** A token bucket. What is refused is not accepted either, so the peer offers it again. */
  #mayOffer(now: number): boolean {
    this.#offers = Math.min(offersAtOnce, this.#offers + (now - this.#offersAt) / offerRefillMs);
    this.#offersAt = now;
    if (this.#offers < 1) return false;
    this.#offers--;
    return true;
  }

  #lose(reason: string): void {
    this.why.add(this.#ports.env.clock.date(), 'session', reason);
    this.prober.reset();
    this.#offerAt = Infinity;
    this.#connectingSince = undefined;
    this.#lastOrigin = null;
    if (!this.#connected) return;
    this.#connected = false;
    this.#ports.disconnected(this);
  }

  #sendOffer(now: number): void {
    this.#offerTries++;
    this.#offerAt = now + offerRetryMs;
    const path = this.prober.path ?? this.#lastOrigin;
    if (!path) return;
    this.#ports.plane.sendControl(
      this.slot,
      encodeOffer(this.#offerSequence, this.#ports.candidates()),
      path,
    );
  }

  #handshakePaths(): Path[] {
    const paths: Path[] = [];
    const { path: active } = this.prober;
    if (active) paths.push(active);
    const relays = this.#ports.relays(this).map((choice) => choice.path);
    paths.push(...relays.filter((path) => path !== active));
    const endpoints = [...this.#introduced];
    if (relays.every((path) => path.kind === 'overlay') || this.session.tries > 1) {
      endpoints.push(...this.#remembered);
    }
    // The same initiation twice by one way would cost the other side twice the work.
    const seen = new Set<string>(active?.kind === 'direct' ? [formatEndpoint(active.endpoint)] : []);
    for (const endpoint of endpoints) {
      const key = formatEndpoint(endpoint);
      if (seen.has(key)) continue;
      seen.add(key);
      paths.push({ kind: 'direct', endpoint });
    }
    return paths.slice(0, handshakeWays);
  }

  #remember(text: string): void {
    const endpoint = parseEndpoint(text);
    if (!endpoint) return;
    const others = this.#remembered.filter((e) => formatEndpoint(e) !== text);
    this.#remembered = [endpoint, ...others].slice(0, rememberedLimit);
  }
}

function guardOf(member: Member): { mac: Uint8Array; ip: number; bridge: boolean } {
  return { mac: member.mac, ip: member.ip, bridge: (member.rights & Right.bridge) !== 0 };
}

/** The path by which an answer goes back where a packet came from. */
export function pathBack(origin: Origin, id: Uint8Array): Path {
  switch (origin.kind) {
    case 'direct':
      return { kind: 'direct', endpoint: origin.endpoint };
    case 'relay':
      return { kind: 'relay', relay: origin.relay, destination: id };
    case 'carrier':
      return { kind: 'carrier', carrier: origin.carrier, destination: id };
    case 'overlay':
      return { kind: 'overlay', destination: id, via: origin.via };
  }
}
