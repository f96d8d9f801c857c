/**
 * Finds out which candidates of one peer work: pings each in bursts, and keeps those that do warm. A machine without
 * I/O; all times are monotonic ms.
 *
 *            offer in           pong            full-size pong
 *   candidate ──────▶ probing ───────▶ answering ─────────────▶ usable
 *       ▲                │ burst over     │ only small pongs      │ silent (spare), dead (in use: peer/liveness.ts)
 *       └── next burst ──┴────────────────┴───────────────────────┘
 *
 * A candidate is usable only after it carried a packet as long as the longest frame, so a path of a smaller MTU, or one
 * that passes small packets only, is never trusted.
 */
import type { Path } from '../dataplane/plane/plane.js';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import { doubtfulMisses, spares } from '../peer/liveness.js';
import { measured } from '../peer/round-trip.js';
import type { Candidate } from '../wire/candidate.js';
import { pongLength } from '../wire/control.js';
import { Pings, type Ping } from './pings.js';
import { burstMs, openingHops, type Remote } from './remote.js';
import { Remotes } from './remotes.js';

/** Full-size pings before a candidate counts as too narrow. */
const fullSizeTries = 4;
/** A candidate from which packets come is pinged no more often for each of them. */
const observedEveryMs = 50;

export interface ProbingPorts {
  /** Seals and sends a ping of `size` bytes. */
  ping(transaction: number, size: number, path: Path): void;
  log(event: string, detail: string): void;
  /** Frames that went to the peer directly so far. */
  framesSent(): number;
}

/** A pong that answers a ping of ours. */
export interface Answer {
  readonly ping: Ping;
  readonly rttMs: number;
  /** The candidate that it proves to answer. Undefined: it came by a relay, or from one that is forgotten. */
  readonly remote: Remote | undefined;
}

export class Probing {
  readonly remotes = new Remotes();
  /** In use: pinged by its owner, at the pace that liveness.ts gives, and never forgotten. */
  active: Remote | undefined;
  readonly #ports: ProbingPorts;
  readonly #fullSize: number;
  readonly #pings: Pings;
  #running = false;

  /** @param fullSize bytes of a ping that makes a packet as long as the longest frame does. */
  constructor(env: Env, ports: ProbingPorts, fullSize: number) {
    this.#ports = ports;
    this.#fullSize = fullSize;
    this.#pings = new Pings(env.random);
  }

  get running(): boolean {
    return this.#running;
  }

  /** When a ping is due to a candidate that is not in use. */
  get dueAt(): number {
    let at = Infinity;
    for (const remote of this.remotes) {
      if (remote === this.active) continue;
      const step = burstMs[remote.burstStep];
      if (step !== undefined) at = Math.min(at, remote.burstAt + step);
      else if (remote.state === 'usable') at = Math.min(at, spares.pingAt(remote));
    }
    return at;
  }

  /** Pings may go out from now on. */
  start(): void {
    this.#running = true;
  }

  /** Forgets everything. */
  reset(): void {
    this.#running = false;
    this.remotes.clear();
    this.#pings.clear();
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
    if (this.#running && now - remote.lastPingAt >= observedEveryMs)
      this.ping(remote, now, remote.state === 'answering');
  }

  /** An answer to one of our pings. `direct`: one that came through a relay proves only one direction of a path. */
  pong(now: number, transaction: number, direct: boolean): Answer | undefined {
    const ping = this.#pings.take(now, transaction);
    if (!ping) return undefined;
    const rttMs = now - ping.sentAt;
    const remote = ping.key === null || !direct ? undefined : this.remotes.get(ping.key);
    if (!remote) return { ping, rttMs, remote };
    measured(remote, rttMs);
    remote.lastPongAt = now;
    remote.missed = 0;
    if (ping.full) {
      remote.burstStep = burstMs.length;
      if (remote.state !== 'usable') {
        remote.state = 'usable';
        this.#ports.log('usable', `${remote.key} answers full-size packets in ${rttMs.toFixed(1)} ms`);
      }
    } else if (remote.state === 'probing' || remote.state === 'waiting' || remote.state === 'failed') {
      remote.state = 'answering';
      remote.fullSizeSent = 0;
      this.ping(remote, now, true);
    }
    return { ping, rttMs, remote };
  }

  /** Addresses of this machine changed: what works is in doubt, what failed may work. */
  doubt(now: number): void {
    for (const remote of this.remotes) {
      remote.flaps = 0;
      remote.shunnedUntil = -Infinity;
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

  /** Sends what bursts and spare paths are due. */
  tick(now: number): void {
    for (const remote of this.remotes) {
      if (remote === this.active) continue;
      const step = burstMs[remote.burstStep];
      if (step === undefined) {
        if (remote.state !== 'usable' || now < spares.pingAt(remote)) continue;
        if (spares.dead(now, remote)) remote.state = 'failed';
        else this.ping(remote, now, false);
        continue;
      }
      if (now < remote.burstAt + step) continue;
      remote.burstStep++;
      if (remote.burstStep >= burstMs.length && remote.state !== 'usable') {
        this.#giveUp(remote);
        continue;
      }
      const full = remote.state === 'answering' && remote.fullSizeSent < fullSizeTries;
      this.ping(remote, now, full, remote.burstStep === 1 && remote.state === 'probing');
    }
  }

  /** `opening`: it shall open our own NAT, and die before it reaches the other's. */
  ping(remote: Remote, now: number, full: boolean, opening = false): void {
    remote.lastPingAt = now;
    remote.missed++;
    if (full) remote.fullSizeSent++;
    const { endpoint } = remote;
    const path: Path = opening
      ? { kind: 'direct', endpoint, hops: openingHops }
      : { kind: 'direct', endpoint };
    this.#send(now, remote.key, full, path);
  }

  /** A short ping by a relay, or through members. */
  pingRelay(now: number, path: Path): void {
    this.#send(now, null, false, path);
  }

  #send(now: number, key: string | null, full: boolean, path: Path): void {
    const ping = { key, sentAt: now, full, framesSent: this.#ports.framesSent() };
    this.#ports.ping(this.#pings.add(ping), full ? this.#fullSize : pongLength, path);
  }

  #burst(remote: Remote, now: number, step = 0): void {
    if (remote.state !== 'usable' && remote.state !== 'answering') remote.state = 'probing';
    remote.burstAt = now;
    remote.burstStep = step;
    remote.fullSizeSent = 0;
    remote.missed = 0;
    if (this.#running) this.tick(now);
  }

  /** A burst is over without a full-size answer. */
  #giveUp(remote: Remote): void {
    if (remote.state === 'answering') {
      remote.state = 'narrow';
      this.#ports.log('narrow', `${remote.key} answers, but not packets of ${this.#fullSize} bytes`);
    } else {
      remote.state = 'failed';
      this.#ports.log('silent', `${remote.key} (${remote.kind}) did not answer`);
    }
  }
}

/** It is asked at once, and given up sooner than one that nothing is known against. */
function doubtful(remote: Remote): void {
  remote.missed = Math.max(remote.missed, doubtfulMisses);
  remote.lastPingAt = -Infinity;
}
