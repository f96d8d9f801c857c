/**
 * Finds out which candidates of one peer work: pings each in bursts, and keeps those that do warm. A machine without
 * I/O; all times are monotonic ms.
 *
 *            offer in           pong            long pong
 *   candidate ──────▶ probing ───────▶ answering ─────────▶ usable
 *       ▲                │ burst over     │ only small pongs  │ silent (spare), dead (in use: peer/liveness.ts)
 *       └── next burst ──┴────────────────┴───────────────────┘
 *
 * A candidate is usable only after it carried a long packet: one of the base size (mtu.ts), from which on all frames pass in
 * pieces; or, where the peer does not join pieces, one as long as the longest frame.
 */
import type { Path } from '../dataplane/plane/plane.js';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { doubtfulMisses, spares } from '../peer/liveness.js';
import { probedAtOnce, probedPerS } from '../peer/named-addresses.js';
import type { HeldPath } from '../peer/held.js';
import { measured } from '../peer/round-trip.js';
import { isProbeable } from '../surroundings/candidate.js';
import type { Candidate } from '../wire/candidate.js';
import type { PortRange } from '../wire/nat.js';
import { pongLength, type Abilities } from '../wire/control.js';
import { LossMeter } from './loss.js';
import { PathMtu, type Use } from './mtu.js';
import { Pings, type Ping } from './pings.js';
import { hasWidth, type RelayChoice } from './path.js';
import { burstMs, openingHops, type Remote } from './remote.js';
import { Remotes } from './remotes.js';

/** A candidate from which packets come is pinged no more often for each of them. */
const observedEveryMs = 50;

export interface ProbingPorts {
  /** Seals and sends a ping of `size` bytes. */
  ping(transaction: number, size: number, path: Path): void;
  log(event: string, detail: string): void;
  /** Frames that went to the peer directly so far. */
  framesSent(): number;
  /** One ping more may go to an address where this peer has not answered, and is counted. */
  blind(now: number, endpoint: Endpoint): boolean;
  /** Packets to this address would be carried by the network itself. */
  loops(host: string): boolean;
}

/** Of a candidate that carries nothing. */
const unused = (rttMs: number | null): Use => ({ rttMs, used: false, waitingMs: 0 });

/** One candidate, for people. */
export interface RemoteReport {
  readonly endpoint: string;
  readonly kind: string;
  readonly state: string;
  readonly rttMs: number | null;
}

/** A pong that answers a ping of ours. */
export interface Answer {
  readonly ping: Ping;
  readonly rttMs: number;
  /** The candidate that it proves to answer. Undefined: it came by a relay, or from one that is forgotten. */
  readonly remote: Remote | undefined;
  /** What the candidate carries changed. */
  readonly rewidened: boolean;
}

export class Probing {
  readonly remotes: Remotes;
  /** In use: pinged by its owner, at the pace that liveness.ts gives, and never forgotten. */
  active: Remote | undefined;
  readonly #ports: ProbingPorts;
  readonly #fullSize: number;
  readonly #pings: Pings;
  readonly loss = new LossMeter();
  /**
   * Pings to candidates that never answered, and to ports of the peer's NAT: two whole bursts of an offer at once, then one a minute.
   * Who named them may mean somebody who never heard of evio, and name others without end. It outlives sessions: who begins anew has no
   * more of it.
   */
  readonly #blind: TokenBucket;
  #running = false;
  #joins = false;
  #copies = false;

  /** @param fullSize bytes of a ping that makes a packet as long as the longest frame does. */
  constructor(env: Env, ports: ProbingPorts, fullSize: number) {
    this.#ports = ports;
    this.remotes = new Remotes((host) => ports.loops(host));
    this.#fullSize = fullSize;
    this.#pings = new Pings(env.random);
    this.#blind = new TokenBucket(probedPerS, probedAtOnce, env.clock.now());
  }

  get running(): boolean {
    return this.#running;
  }

  get report(): RemoteReport[] {
    return [...this.remotes].map(({ key, kind, state, rttMs }) => ({
      endpoint: key,
      kind,
      state: this.active?.key === key ? 'active' : state,
      rttMs,
    }));
  }

  /** What a path that answered carries; it begins to find that out. */
  width(now: number): PathMtu {
    const mtu = new PathMtu(this.#fullSize, this.#joins);
    mtu.begin(now);
    return mtu;
  }

  /** The peer joins pieces. */
  get joins(): boolean {
    return this.#joins;
  }

  /** The peer expects copies of a packet by two ways. Who has not said so would take many of them for an attack. */
  get copies(): boolean {
    return this.#copies;
  }

  /** A path that worked for the process before; undefined where it may not be probed. */
  adopt(now: number, endpoint: Endpoint, held: HeldPath): Remote | undefined {
    const remote = this.remotes.at(endpoint, 'peer-reflexive');
    if (!remote) return undefined;
    remote.state = 'usable';
    remote.rttMs = held.rttMs;
    remote.rttVarMs = held.rttVarMs;
    remote.lastPongAt = remote.takenAt = now;
    remote.mtu = this.widthOf(now, held);
    return remote;
  }

  /** What a path is known to carry. */
  widthOf(now: number, { proven }: HeldPath): PathMtu {
    const mtu = new PathMtu(this.#fullSize, this.#joins);
    mtu.adopt(now, proven);
    return mtu;
  }

  /** When a ping is due to a candidate that is not in use. */
  get dueAt(): number {
    let at = Infinity;
    for (const remote of this.remotes) {
      if (remote === this.active) continue;
      if (remote.mtu) at = Math.min(at, remote.mtu.dueAt(unused(remote.rttMs)));
      const step = burstMs[remote.burstStep];
      if (step !== undefined) at = Math.min(at, remote.burstAt + step);
      else if (remote.state === 'usable') at = Math.min(at, spares.pingAt(remote));
    }
    return at;
  }

  /** Pings may go out from now on. @param joins the peer is known to join pieces */
  start(joins = this.#joins): void {
    this.#running = true;
    this.#joins = joins;
  }

  /** Forgets everything. */
  reset(): void {
    this.#running = false;
    this.#joins = this.#copies = false;
    this.remotes.clear();
    this.#pings.clear();
    this.loss.watch(undefined);
    this.active = undefined;
  }

  /** The peer's candidates. A new offer starts a burst at all of them that do not work yet. */
  offer(now: number, candidates: readonly Candidate[]): void {
    this.remotes.offered(candidates, this.active);
    if (this.active?.withdrawn) doubtful(this.active);
    const names = candidates.map((c) => `${c.kind} ${formatEndpoint(c.endpoint)}`);
    this.#ports.log('offer', names.join(', ') || 'no candidates');
    if (this.#running) this.burst(now);
  }

  /** A genuine packet came from this endpoint: a candidate, whatever the peer offered (RFC 8445: peer-reflexive). */
  observed(now: number, endpoint: Endpoint, by: string): void {
    const known = this.remotes.get(formatEndpoint(endpoint)) !== undefined;
    const remote = this.remotes.at(endpoint, 'peer-reflexive');
    if (!remote || remote.state === 'usable' || remote === this.active) return;
    if (!known) this.#ports.log('observed', `${remote.key} (${by})`);
    // What came through proves our NAT open: no opening ping.
    if (remote.state === 'failed' || remote.state === 'waiting' || !known) this.#burst(remote, now, 1);
    if (this.#running && now - remote.lastPingAt >= observedEveryMs) this.ping(remote, now);
  }

  /**
   * An answer to one of our pings. `direct`: one that came through a relay proves only one direction of a path. `able`: what the
   * peer says of itself.
   */
  pong(now: number, transaction: number, direct: boolean, able: Abilities): Answer | undefined {
    const ping = this.#pings.take(now, transaction);
    if (!ping) return undefined;
    this.loss.answered(transaction);
    this.#joins = able.joins;
    this.#copies = able.copies;
    const rttMs = now - ping.sentAt;
    const remote = ping.direct && direct ? this.remotes.get(ping.key) : undefined;
    if (!remote) return { ping, rttMs, remote, rewidened: false };
    measured(remote, rttMs);
    remote.lastPongAt = now;
    remote.missed = 0;
    const rewidened = remote.mtu?.answered(now, ping.size) === true;
    if (rewidened) this.#rewidened(remote, rttMs);
    else if (remote.state === 'probing' || remote.state === 'waiting' || remote.state === 'failed') {
      remote.state = 'answering';
      remote.mtu = this.width(now);
      this.tryWidth(remote, now);
    }
    return { ping, rttMs, remote, rewidened };
  }

  #rewidened(remote: Remote, rttMs: number): void {
    const { mtu, key } = remote;
    if (!mtu) return;
    remote.burstStep = burstMs.length;
    const what = mtu.full ? 'full-size packets' : `packets of ${mtu.proven} bytes`;
    this.#ports.log('usable', `${key} answers ${what} in ${rttMs.toFixed(1)} ms`);
    if (remote.state !== 'usable') remote.state = 'usable';
  }

  /** Sends what is due to find out what the candidate carries. True when that changed, by what was not answered. */
  tryWidth(remote: Remote, now: number, use: Use = unused(remote.rttMs)): boolean {
    const { mtu, endpoint, key } = remote;
    if (!mtu) return false;
    const before = mtu.proven;
    for (const size of mtu.tick(now, use)) this.#send(now, key, size, { kind: 'direct', endpoint }, false);
    if (mtu.proven === before) return false;
    this.#ports.log('narrow', `${key} answers packets of ${mtu.proven} bytes, and none of ${before}`);
    return true;
  }

  /** Addresses of this machine changed: what works is in doubt, what failed may work. */
  doubt(now: number): void {
    for (const remote of this.remotes) {
      remote.flaps = 0;
      remote.shunnedUntil = -Infinity;
      remote.mtu?.again(now);
      if (remote === this.active) doubtful(remote);
      else {
        remote.state = 'waiting';
        this.#burst(remote, now);
      }
    }
  }

  /** Begins a burst at everything that does not work yet. */
  burst(now: number): void {
    for (const remote of this.remotes) {
      if (remote !== this.active && remote.state !== 'usable') this.#burst(remote, now);
    }
  }

  /** The path in use is in doubt: whether another works is asked now. */
  pingSpares(now: number): void {
    for (const remote of this.remotes)
      if (remote !== this.active && remote.state === 'usable') this.ping(remote, now);
  }

  /** Sends what bursts and spare paths are due. */
  tick(now: number): void {
    for (const remote of this.remotes) {
      if (remote === this.active) continue;
      this.tryWidth(remote, now);
      const step = burstMs[remote.burstStep];
      if (step === undefined) {
        if (remote.state !== 'usable' || now < spares.pingAt(remote)) continue;
        if (spares.dead(now, remote)) this.fail(remote);
        else this.ping(remote, now);
        continue;
      }
      if (now < remote.burstAt + step) continue;
      remote.burstStep++;
      if (remote.burstStep >= burstMs.length && remote.state !== 'usable') {
        this.#giveUp(remote);
        continue;
      }
      this.ping(remote, now, false, remote.burstStep === 1 && remote.state === 'probing');
    }
  }

  /**
   * `long`: it is as long as what the path is known to carry. `opening`: it shall open our own NAT, and die before it reaches
   * the other's.
   */
  ping(remote: Remote, now: number, long = false, opening = false): void {
    remote.lastPingAt = now;
    remote.missed++;
    const { endpoint, mtu, key } = remote;
    if (remote.lastPongAt === -Infinity && !this.#mayBlindly(now, endpoint)) return;
    const size = long ? (mtu?.proven ?? 0) : 0;
    if (size > 0) mtu?.asked(now, size);
    const path: Path = opening
      ? { kind: 'direct', endpoint, hops: openingHops }
      : { kind: 'direct', endpoint };
    this.#send(now, key, size, path);
  }

  /** One ping to each port. What answers, or comes from there, is observed like any other. */
  open(now: number, { first, count }: PortRange): void {
    for (let i = 0; i < count; i++) {
      const endpoint = { host: first.host, port: first.port + i };
      if (!isProbeable(endpoint) || this.#ports.loops(endpoint.host)) return;
      if (!this.#mayBlindly(now, endpoint)) return;
      this.#send(now, formatEndpoint(endpoint), 0, { kind: 'direct', endpoint });
    }
  }

  #mayBlindly(now: number, endpoint: Endpoint): boolean {
    return this.#blind.take(1, now) && this.#ports.blind(now, endpoint);
  }

  /** A ping by a relay, or through members; as short as can be, or of `size` bytes that must not be fragmented. */
  pingRelay(now: number, choice: RelayChoice, size = 0): void {
    const { path, label } = choice;
    this.#send(now, label, size, path, size === 0, hasWidth(choice));
  }

  /** @param counts false: it asks what the path carries, and may be too long for it: unanswered, it is no loss */
  #send(now: number, key: string, size: number, path: Path, counts = true, datagrams = true): void {
    const bytes = Math.max(size, pongLength);
    const direct = path.kind === 'direct';
    const ping = { key, direct, sentAt: now, size: bytes, framesSent: this.#ports.framesSent() };
    // Who does not join pieces gets what is too long as fragments of IP, or not at all: so it is tried, too.
    const whole = this.#joins && size > 0 && datagrams && path.kind !== 'overlay';
    const transaction = this.#pings.add(ping);
    if (counts) this.loss.asked(key, transaction, now);
    this.#ports.ping(transaction, bytes, whole ? { ...path, whole } : path);
  }

  /** It does not work: nothing that was known of it holds. */
  fail(remote: Remote): void {
    remote.state = 'failed';
    remote.mtu = undefined;
  }

  #burst(remote: Remote, now: number, step = 0): void {
    if (remote.state !== 'usable' && remote.state !== 'answering') {
      remote.state = 'probing';
      remote.mtu = undefined;
    }
    remote.burstAt = now;
    remote.burstStep = step;
    remote.missed = 0;
    if (this.#running) this.tick(now);
  }

  /** A burst is over without a long answer. */
  #giveUp(remote: Remote): void {
    if (remote.state === 'answering') {
      remote.state = 'narrow';
      remote.mtu = undefined;
      this.#ports.log('narrow', `${remote.key} answers, but not packets that are long enough`);
    } else {
      this.fail(remote);
      this.#ports.log('silent', `${remote.key} (${remote.kind}) did not answer`);
    }
  }
}

/** It is asked at once, and given up sooner than one that nothing is known against. */
function doubtful(remote: Remote): void {
  remote.missed = Math.max(remote.missed, doubtfulMisses);
  remote.lastPingAt = -Infinity;
}
