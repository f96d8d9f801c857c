/**
 * One peer's whole protocol life: its session, its paths, its candidates and the counters that judge them.
 * No I/O: the packet path is a port, time is an argument.
 */
import type { HeldKey, Origin, Path } from '../dataplane/plane/plane.js';
import type { Member } from '../identity/certificate.js';
import { dhPublicKey } from '../identity/keys.js';
import { parseEndpoint, type Endpoint } from '../lib/endpoint.js';
import { pathBack } from '../path/path.js';
import { Prober } from '../path/prober.js';
import { WhyLog } from '../path/why.js';
import type { Candidate } from '../wire/candidate.js';
import { encodeGoodbye, encodePing, encodePong, type Control } from '../wire/control.js';
import type { NatFacts } from '../wire/nat.js';
import type { RingMessage } from '../wire/ring.js';
import type { HeldPeer } from './held.js';
import { guardOf } from './guard-of.js';
import { HandshakeWays, introducedMs } from './handshake-ways.js';
import { nextLook, SessionLiveness } from './liveness.js';
import { Offers } from './offers.js';
import type { PeerPorts } from './peer-ports.js';
import { unreachableMs, type PeerState } from './peer-state.js';
import { Session } from './session.js';
import { Traffic } from './traffic.js';
import { zeroCounters } from './zero-counters.js';

/** Bytes of a ping that a person asked for. */
const askedPingSize = 64;
/** Counters of whichever peer is looked at: looking at many often leaves no garbage, and none has some of its own. */
const counters = zeroCounters();

export class Peer {
  readonly slot: number;
  readonly session: Session;
  readonly prober: Prober;
  readonly why = new WhyLog();
  readonly #ports: PeerPorts<Peer>;
  #member: Member;
  readonly #ways: HandshakeWays;
  readonly #offers: Offers;
  readonly #traffic = new Traffic();
  readonly #life = new SessionLiveness();
  #lastOrigin: Path | null = null;
  #handshakeVia: Endpoint | undefined;
  /** When a handshake under way has taken so long that the peer counts as unreachable. */
  #unreachableAt = Infinity;
  /** When a handshake ends that nobody but an introduction asked for. */
  #introductionEndsAt = Infinity;
  #tickedAt = -Infinity;
  #connected = false;
  #framesSeen = 0;
  #unanswered = false;
  #stirredAt = -Infinity;
  #nat: NatFacts | undefined;

  /** Throws TypeError when the member's key is not a point of the curve. The caller has given `slot` to no other peer. */
  constructor(ports: PeerPorts<Peer>, slot: number, member: Member, remembered: readonly string[]) {
    this.#ports = ports;
    this.#member = member;
    this.slot = slot;
    this.#ways = new HandshakeWays(remembered, (now, endpoint) => ports.named.take(now, endpoint));
    const remoteStatic = dhPublicKey(member.key);
    if (!remoteStatic) throw new TypeError(`the key of ${member.idText} is not on the curve`);
    const { plane, env } = ports;
    plane.addPeer(slot, member.id, member.key, guardOf(member));
    this.session = new Session(
      ports.session,
      {
        handshakePaths: () => {
          // Unanswered twice: UDP to the relay may be what is blocked, of which an idle node hears at its next bind only.
          if (this.session.tries > 1) ports.checkRelays();
          const relays = ports.relays(this).map((choice) => choice.path);
          const paths = this.#ways.paths(env.clock.now(), this.prober.path, relays, this.session.tries);
          const may = (host: string): boolean => ports.direct && !ports.loops(host);
          return paths.filter((path) => path.kind !== 'direct' || may(path.endpoint.host));
        },
        send: (packet, path) => {
          ports.sendPacket(packet, path);
        },
        answerLength: () => this.#member.credential.length,
        addKey: (keys, held) => {
          plane.addKey(slot, keys, held);
        },
        useKey: (index) => {
          plane.useKey(slot, index);
        },
        removeKey: (index) => {
          plane.removeKey(index);
        },
        relayed: () => ports.relays(this).some(({ path }) => path.kind !== 'overlay'),
        keepalive: () => this.tell(new Uint8Array(0)),
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
        setPath: (path, beside) => {
          plane.setPath(slot, path, beside);
        },
        suspicious: () => {
          ports.checkRelays();
        },
        relays: () => ports.dataWays(this),
        direct: ports.direct,
        blind: (now, endpoint) => ports.named.probe(now, endpoint),
        loops: (host) => ports.loops(host),
        veiled: (host) => ports.veiled(host),
        changed: (from, to) => {
          if (to?.kind === 'direct') {
            this.#ways.remember(to.endpoint);
            const endpoint = parseEndpoint(to.endpoint);
            if (endpoint) ports.named.answered(endpoint);
          }
          ports.moved(this, from, to);
          this.#tellConnected();
        },
        log: (event, detail) => {
          this.why.add(env.clock.date(), event, detail);
        },
      },
      ports.fullPing,
    );
    this.#offers = new Offers(env.clock.now(), {
      candidates: () => ports.candidates(),
      nat: () => ports.nat(),
      send: (message) => {
        this.tell(message);
        // The direct path may be what has just died with the address that it began at.
        const [relay] = this.prober.relayed ? [] : ports.relays(this);
        if (relay) plane.sendControl(slot, message, relay.path);
      },
    });
  }

  get member(): Member {
    return this.#member;
  }

  get remembered(): readonly Endpoint[] {
    return this.#ways.remembered;
  }

  get state(): PeerState {
    if (this.session.established && this.prober.path) return 'connected';
    if (!this.session.connecting && !this.session.established) return 'idle';
    return this.#ports.env.clock.now() >= this.#unreachableAt ? 'unreachable' : 'connecting';
  }

  /** Its packets go through other members. */
  get indirect(): boolean {
    return this.prober.active?.kind === 'overlay';
  }

  /** Its packets go through a relay. */
  get relayed(): boolean {
    return this.prober.active?.kind === 'relay';
  }

  /** Takes a newer certificate of the same node. False when address or rights differ, so that the peer must be made anew. */
  update(member: Member): boolean {
    if (member.ip !== this.#member.ip || member.rights !== this.#member.rights) return false;
    this.#member = member;
    return true;
  }

  /** Wants a session, and goes on trying. */
  connect(now: number, soon = true): void {
    this.#introductionEndsAt = Infinity;
    this.#connect(now, soon);
  }

  #connect(now: number, soon: boolean): void {
    if (!this.session.established && this.#unreachableAt === Infinity) {
      this.#unreachableAt = now + unreachableMs;
    }
    this.session.connect(now, soon);
  }

  /**
   * A mutual friend named these endpoints of the peer; it was told ours. Handshakes to them open the NATs. Where nobody
   * else wants the session, the attempt ends after a while.
   */
  introduced(now: number, candidates: readonly Candidate[]): void {
    this.#ways.introduced(now, candidates);
    if (this.state === 'idle' || this.#introductionEndsAt !== Infinity) {
      this.#introductionEndsAt = now + introducedMs;
    }
    this.#connect(now, true);
  }

  /** On our LAN it is said to be at these, which proves nothing (named-addresses.ts). */
  nearby(now: number, endpoints: readonly Endpoint[]): void {
    this.#ways.nearby(now, endpoints);
    if (!this.session.established) {
      if (this.state !== 'idle') this.connect(now);
    } else if (this.prober.active?.kind !== 'direct') {
      const some = endpoints.filter((endpoint) => this.#ports.named.take(now, endpoint));
      for (const endpoint of some) this.prober.observed(now, endpoint, 'beacon');
    }
  }

  /** Ways through relays or members came or went. */
  waysChanged(now: number): void {
    this.session.waysChanged(now);
    this.prober.relaysChanged(now);
  }

  /** What it tells of its NAT. */
  get nat(): NatFacts | undefined {
    return this.#nat;
  }

  /** Tells it of ours, while there is a session. */
  tellNat(): void {
    if (this.session.established) this.#offers.tellNat(this.#ports.env.clock.now());
  }

  /** Where others may try to reach the peer: what it offered to us, and where we reach it. */
  get whereabouts(): Candidate[] {
    const { active } = this.prober;
    const endpoint = active?.kind === 'direct' ? parseEndpoint(active.endpoint) : undefined;
    return [...(endpoint ? [{ kind: 'reflexive' as const, endpoint }] : []), ...this.#offers.taken];
  }

  /** The session stands, and there is no way to it. */
  get cutOff(): boolean {
    return this.session.established && !this.prober.path;
  }

  /** ms since anything authentic came from it. */
  get silenceMs(): number {
    const now = this.#ports.env.clock.now();
    this.#look(now);
    return this.#traffic.silence(now);
  }

  /** ms since frames or others' packets began to go out to it with nothing coming back; 0 when there are none. */
  waitingMs(now: number): number {
    this.#look(now);
    return this.#traffic.waiting(now);
  }

  /** When `tick` has something to do, if the peer does not stir: ms of the clock, Infinity for never. */
  get dueAt(): number {
    const { session } = this;
    const at = Math.min(session.dueAt, this.#offers.dueAt);
    if (!session.established) {
      const ends = Math.min(at, this.#introductionEndsAt);
      return this.#tickedAt < this.#unreachableAt ? Math.min(ends, this.#unreachableAt) : ends;
    }
    const { relayed } = this.prober;
    const look = nextLook(this.#traffic, this.#stirredAt);
    return Math.min(at, look, this.prober.dueAt, this.#life.dueAt(this.#traffic, relayed));
  }

  /** Frames go to or come from it after a rest: from now on its counters are looked at. */
  stirred(now: number): void {
    this.#stirredAt = now;
    this.tick(now);
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
    this.#offers.offer(now);
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
        const received = plane.peerCounters(this.slot, counters).rxDirect;
        plane.sendControl(this.slot, encodePong(message.transaction, direct, received), back);
        if (direct) this.prober.observed(now, direct, 'ping');
        else this.prober.asked(now, origin);
        return;
      }
      case 'pong': {
        const { transaction, directFrames } = message;
        this.prober.pong(now, transaction, directFrames, origin.kind === 'direct', message);
        this.#ports.pong(this, transaction);
        return;
      }
      case 'offer': {
        const accept = (answer: Uint8Array): void => {
          plane.sendControl(this.slot, answer, back);
        };
        if (!this.#offers.take(now, message, accept)) return;
        this.prober.offer(now, message.candidates);
        if (this.prober.active?.kind !== 'direct') this.#ports.punching();
        return;
      }
      case 'nat':
        this.#nat = message;
        if (message.range) this.prober.open(now, message.range);
        return;
      case 'accept':
        this.#offers.accepted(message.sequence);
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
    if (path) this.#ports.plane.sendControl(this.slot, encodePing(transaction, askedPingSize), path);
  }

  /** Does what is due. May be called at any time. */
  tick(now: number): void {
    if (now >= this.#introductionEndsAt) this.#endIntroduction();
    this.session.tick(now);
    if (this.session.established) {
      this.#look(now);
      this.#tellTraffic();
      this.prober.tick(now, this.#traffic);
      this.#judge(now);
    }
    this.#offers.tick(now);
    this.#tickedAt = now;
  }

  /** For the process that goes on with it. */
  held(now: number): HeldPeer {
    const path = this.session.established ? this.prober.held() : null;
    return { session: this.session.held(now), path, offers: this.#offers.held() };
  }

  /** Goes on where the process before stopped. Only for a peer that has not begun anything. */
  adopt(now: number, held: HeldPeer, keysOf: (localIndex: number) => HeldKey | undefined): void {
    this.#offers.adopt(held.offers);
    if (!this.session.adopt(now, held.session, keysOf)) {
      if (held.session.wanted || held.session.current !== null) this.connect(now);
      return;
    }
    this.#life.established(now);
    this.why.add(this.#ports.env.clock.date(), 'session', 'taken over');
    this.prober.adopt(now, held.path);
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

  /** Looks at the counters: all that is judged is judged by that. */
  #look(now: number): void {
    const { plane } = this.#ports;
    this.#traffic.look(now, plane.peerCounters(this.slot, counters), plane.now());
  }

  #tellTraffic(): void {
    const { frames, unanswered } = this.#traffic;
    if (frames !== this.#framesSeen) this.#ports.used(this);
    this.#framesSeen = frames;
    if (unanswered && !this.#unanswered) this.#ports.unanswered(this);
    this.#unanswered = unanswered;
  }

  /** Acts on what liveness.ts says of the session. */
  #judge(now: number): void {
    const { prober } = this;
    const relayed = this.#life.judgeRelayed(now, this.#traffic, prober.relayed, prober.relayTimeoutMs);
    if (relayed === 'quiet') this.#ports.checkRelays();
    else if (relayed !== 'fine') this.#ports.relaySilent();
    if (relayed === 'renew') this.session.connect(now);
    const verdict = this.#life.judge(now, this.#traffic);
    if (verdict === 'renew') this.session.connect(now, false);
    if (verdict !== 'lost') return;
    this.#lose(`silent for ${Math.round((now - this.#life.quietSince(this.#traffic)) / 1000)} s`);
    this.session.reset();
    this.connect(now);
  }

  /** Seals and sends a control message by the path in use, or where the peer was heard last. */
  tell(message: Uint8Array): void {
    const path = this.prober.path ?? this.#lastOrigin;
    if (path) this.#ports.plane.sendControl(this.slot, message, path);
  }

  /** Who was introduced did not answer. */
  #endIntroduction(): void {
    this.#introductionEndsAt = Infinity;
    this.#unreachableAt = Infinity;
    this.session.reset();
  }

  #established(now: number, restarted: boolean): void {
    this.#unreachableAt = Infinity;
    this.#introductionEndsAt = Infinity;
    this.#life.established(now);
    if (!restarted) return;
    const connected = this.#connected;
    this.#offers.restarted();
    this.prober.reset();
    this.why.add(this.#ports.env.clock.date(), 'session', 'established');
    this.prober.start(now, this.#handshakeVia);
    for (const endpoint of this.#ways.remembered) this.prober.observed(now, endpoint, 'remembered');
    if (connected) this.#ports.restarted(this);
  }

  /** Once there are a session and a path, in whichever order they came. */
  #tellConnected(): void {
    if (this.#connected || !this.session.established || !this.prober.path) return;
    this.#connected = true;
    this.#ports.connected(this);
  }

  #lose(reason: string): void {
    this.why.add(this.#ports.env.clock.date(), 'session', reason);
    this.prober.reset();
    this.#offers.stop();
    this.#unreachableAt = Infinity;
    this.#lastOrigin = null;
    if (!this.#connected) return;
    this.#connected = false;
    this.#ports.disconnected(this);
  }
}
