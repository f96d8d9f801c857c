/**
 * How to reach one peer: chooses the path for data among the candidates that work (probing.ts) and the relays, and
 * leaves a path that peer/liveness.ts calls dead. A machine without I/O; all times are monotonic ms.
 *
 * Relay paths need no probe to be taken, the relay link answers for them; but what they carry is found out as for direct ones.
 */
import type { Path } from '../dataplane/plane/plane.js';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import type { HeldPath } from '../peer/held.js';
import { PathLiveness, shunMs, spares } from '../peer/liveness.js';
import { measured, timeoutMs, type RoundTrip } from '../peer/round-trip.js';
import type { Traffic } from '../peer/traffic.js';
import { TokenBucket } from '../lib/token-bucket.js';
import type { Candidate } from '../wire/candidate.js';
import { maxPortRange, type PortRange } from '../wire/nat.js';
import type { PathMtu, Use } from './mtu.js';
import type { ActivePath, RelayChoice } from './path.js';
import { Probing } from './probing.js';
import { beats, died, type Remote } from './remote.js';

/** A whole new burst, with a new offer, while there is no direct path. */
const upgradeMs = 60_000;
/** Frames go by a relay as long as there were some of late. */
const relayedMs = 5_000;
/** Ports of the peer that are opened on its word, a second and at once: it names them, so it is bounded. */
const openedPerS = maxPortRange / 2;
const openedAtOnce = 2 * maxPortRange;
/** With no path at all, relays and members are looked at again this often. */
const pathlessMs = 500;

export interface ProberPorts {
  /** Seals and sends a ping of `size` bytes. */
  ping(transaction: number, size: number, path: Path): void;
  /** Sends our candidates under a new sequence number, by the active path. */
  offer(): void;
  setPath(path: Path | null): void;
  /** The active path has fallen silent: what stands behind it (the relay links) had better be checked. */
  suspicious(): void;
  /** Ways to this peer through relays, then through members; best first. */
  relays(): readonly RelayChoice[];
  changed(from: ActivePath | null, to: ActivePath | null): void;
  log(event: string, detail: string): void;
  /** False: no direct path is looked for, nor taken. */
  readonly direct: boolean;
}

export class Prober {
  readonly #ports: ProberPorts;
  readonly #probing: Probing;
  readonly #life = new PathLiveness();
  readonly #openings: TokenBucket;
  #relay: RelayChoice | undefined;
  /** What the relay's path carries; known once the peer answered by it. */
  #relayMtu: PathMtu | undefined;
  #relayTrip: RoundTrip = { rttMs: null, rttVarMs: 0 };
  #relayPingAt = -Infinity;
  #nextUpgradeAt = Infinity;
  #choseAt = -Infinity;
  /** When frames last went by a relay, as far as seen, and how many; and since when they wait for an answer. */
  #relayedAt = -Infinity;
  #relayedSeen = 0;
  #waitingMs = 0;
  /** Frames go by the path in use. */
  #used = false;
  /** When a spare answered while the path in use is suspected: that is judged at once. */
  #spareAt = Infinity;

  /** @param fullSize bytes of a ping that makes a packet as long as the longest frame does. */
  constructor(env: Env, ports: ProberPorts, fullSize: number) {
    this.#ports = ports;
    this.#openings = new TokenBucket(openedPerS, openedAtOnce, env.clock.now());
    this.#probing = new Probing(
      env,
      {
        ping: (transaction, size, path) => {
          ports.ping(transaction, size, path);
        },
        log: (event, detail) => {
          ports.log(event, detail);
        },
        framesSent: () => this.#life.sent,
      },
      fullSize,
    );
  }

  get active(): ActivePath | null {
    const { active } = this.#probing;
    if (active) return { kind: 'direct', endpoint: active.key, rttMs: active.rttMs };
    if (!this.#relay) return null;
    const kind = this.#relay.kind ?? (this.#relay.path.kind === 'overlay' ? 'overlay' : 'relay');
    return { kind, endpoint: this.#relay.label, rttMs: this.#relayTrip.rttMs };
  }

  /** Where data goes now. */
  get path(): Path | null {
    const { active } = this.#probing;
    if (active) return { kind: 'direct', endpoint: active.endpoint, limit: active.mtu?.limit };
    const path = this.#relay?.path ?? null;
    return path?.kind === 'relay' ? { ...path, limit: this.#relayMtu?.limit } : path;
  }

  /** Data goes by a relay now. */
  get relayed(): boolean {
    return !this.#probing.active && this.#relay !== undefined && this.#relay.path.kind !== 'overlay';
  }

  /** What an answer by the relay may take, ms; 0 while none was measured. */
  get relayTimeoutMs(): number {
    return timeoutMs(this.#relayTrip);
  }

  get remotes(): { endpoint: string; kind: string; state: string; rttMs: number | null }[] {
    const { active, remotes } = this.#probing;
    return [...remotes].map(({ key, kind, state, rttMs }) => ({
      endpoint: key,
      kind,
      state: active?.key === key ? 'active' : state,
      rttMs,
    }));
  }

  /** When `tick` has something to do, if the counters stand still: ms of the clock, Infinity for never. */
  get dueAt(): number {
    const { active, remotes, running, dueAt } = this.#probing;
    if (!running) return Infinity;
    const at = Math.min(dueAt, this.#spareAt);
    if (active) {
      const width = active.mtu?.dueAt(this.#use(active.rttMs)) ?? Infinity;
      return Math.min(at, this.#life.dueAt(active), width);
    }
    const width = this.#relayMtu?.dueAt(this.#use(this.#relayTrip.rttMs)) ?? Infinity;
    const relay = this.#relay ? this.#life.relayPingAt(this.#relayPingAt) : this.#choseAt + pathlessMs;
    let shunned = Infinity;
    for (const { state, shunnedUntil } of remotes) {
      if (state === 'usable' && shunnedUntil > this.#choseAt) shunned = Math.min(shunned, shunnedUntil);
    }
    return Math.min(at, relay, shunned, width, this.#nextUpgradeAt);
  }

  /** How the path in use is used. */
  #use(rttMs: number | null): Use {
    return { rttMs, used: this.#used, waitingMs: this.#waitingMs };
  }

  /** The session stands (again): offer our candidates and begin. `via` is the direct endpoint that answered, if any. */
  start(now: number, via?: Endpoint): void {
    this.#probing.start();
    this.#nextUpgradeAt = now + upgradeMs;
    this.#life.changed();
    if (via) this.observed(now, via, 'handshake');
    this.#choose(now);
    this.#again(now);
  }

  /** For the process that goes on with the path; null when there is none. */
  held(): HeldPath | null {
    const { active, joins } = this.#probing;
    if (active) {
      const { key, rttMs, rttVarMs, mtu } = active;
      return { endpoint: key, rttMs, rttVarMs, proven: mtu?.proven ?? 0, joins };
    }
    if (!this.#relay) return null;
    return { endpoint: null, ...this.#relayTrip, proven: this.#relayMtu?.proven ?? 0, joins };
  }

  /** Goes on with the path of the process before, where it is still there: the peer noticed nothing. */
  adopt(now: number, held: HeldPath | null): void {
    this.#probing.start(held?.joins);
    this.#nextUpgradeAt = now + upgradeMs;
    this.#life.changed();
    const endpoint = held?.endpoint ? parseEndpoint(held.endpoint) : undefined;
    this.#probing.active = held && endpoint ? this.#probing.adopt(now, endpoint, held) : undefined;
    this.#choseAt = now;
    this.#relay = this.#ports.relays()[0];
    if (held?.endpoint === null && this.#relay) {
      this.#relayTrip = { rttMs: held.rttMs, rttVarMs: held.rttVarMs };
      if (held.proven > 0) this.#relayMtu = this.#probing.widthOf(now, held);
    }
    if (this.#probing.active || this.#relay) this.#apply(null);
    else this.start(now);
  }

  /** The session is gone, or the peer is another process now: nothing that was learnt holds. */
  reset(): void {
    const before = this.active;
    this.#probing.reset();
    this.#relay = undefined;
    this.#relayMtu = undefined;
    this.#relayTrip = { rttMs: null, rttVarMs: 0 };
    this.#spareAt = Infinity;
    this.#ports.setPath(null);
    if (before) this.#ports.changed(before, null);
  }

  /** The peer's candidates. */
  offer(now: number, candidates: readonly Candidate[]): void {
    if (!this.#ports.direct) return;
    this.#probing.offer(now, candidates);
  }

  /** A genuine packet came from this endpoint. */
  observed(now: number, endpoint: Endpoint, by: string): void {
    if (!this.#ports.direct) return;
    const { active } = this.#probing;
    if (active && active.key !== formatEndpoint(endpoint)) this.#life.elsewhere(now);
    this.#probing.observed(now, endpoint, by);
  }

  /**
   * An answer to one of our pings. `directFrames`: how many direct frames of ours the peer has received; `joins`: it joins pieces.
   */
  pong(now: number, transaction: number, directFrames: number, direct: boolean, joins: boolean): void {
    const answer = this.#probing.pong(now, transaction, direct, joins);
    if (!answer) return;
    const { ping, rttMs, remote, rewidened } = answer;
    if (!ping.direct && ping.key === this.#relay?.label) this.#relayAnswered(now, ping.size, rttMs, joins);
    if (!remote) return;
    if (remote === this.#probing.active && rewidened) this.#ports.setPath(this.path);
    else if (rewidened) this.#choose(now);
    if (remote !== this.#probing.active) {
      if (this.#life.suspected && remote.state === 'usable') this.#spareAt = now;
      return;
    }
    // What is too long for the path is no sign that it eats whatever it is given.
    if (remote.mtu?.inDoubt === true) return;
    const eaten = this.#life.eaten(ping.framesSent, directFrames);
    if (eaten === 0) return;
    remote.shunnedUntil = now + shunMs;
    this.#fail(now, remote, `${eaten} frames vanished while pings were answered`);
  }

  #relayAnswered(now: number, size: number, rttMs: number, joins: boolean): void {
    measured(this.#relayTrip, rttMs);
    if (this.#relay?.path.kind !== 'relay' || !joins) return;
    this.#relayMtu ??= this.#probing.width(now);
    if (!this.#relayMtu.answered(now, size)) return;
    const { full, proven } = this.#relayMtu;
    this.#ports.log(
      'width',
      `${this.#relay.label} answers ${full ? 'full-size packets' : `packets of ${proven} bytes`}`,
    );
    if (!this.#probing.active) this.#ports.setPath(this.path);
  }

  /** The peer's NAT gave its packets one of these ports: ours is opened for each, unless there is a direct path. */
  open(now: number, range: PortRange): void {
    if (!this.#ports.direct) return;
    const { running, active } = this.#probing;
    if (!running || active || !this.#openings.take(range.count, now)) return;
    this.#ports.log('ports', `${formatEndpoint(range.first)} and ${range.count - 1} more are opened`);
    this.#probing.open(now, range);
  }

  /** Addresses of this machine changed. */
  networkChanged(now: number): void {
    if (!this.#probing.running) return;
    this.#relayMtu?.again(now);
    this.#probing.doubt(now);
    this.#ports.offer();
  }

  /** A relay came, went or changed its transport. */
  relaysChanged(now: number): void {
    const { running } = this.#probing;
    if (!running) return;
    const before = this.#relay?.label;
    this.#choose(now);
    // Another way out may mean another way in: try for a direct path at once.
    const moved = before !== undefined && this.#relay && before !== this.#relay.label;
    if (!this.#probing.active && moved) this.#again(now);
  }

  /** Does what is due; `traffic` was looked at now. */
  tick(now: number, traffic: Traffic): void {
    if (!this.#probing.running) return;
    this.#life.look(now, traffic);
    this.#waitingMs = traffic.waiting(now);
    if (traffic.txRelayed !== this.#relayedSeen) this.#relayedAt = now;
    this.#relayedSeen = traffic.txRelayed;
    this.#used = this.#probing.active ? this.#life.used(now) : now < this.#relayedAt + relayedMs;
    this.#watch(now);
    this.#probing.tick(now);
    if (this.#probing.active) return;
    this.#tryRelay(now);
    if (this.#relay && now >= this.#life.relayPingAt(this.#relayPingAt)) {
      this.#relayPingAt = now;
      this.#probing.pingRelay(now, this.#relay);
    }
    if (now >= this.#nextUpgradeAt) {
      this.#nextUpgradeAt = now + upgradeMs;
      this.#again(now);
    }
    this.#choose(now);
  }

  /** Finds out what the relay's path carries, while it is in use. */
  #tryRelay(now: number): void {
    const mtu = this.#relayMtu;
    if (!mtu || !this.#relay) return;
    const before = mtu.proven;
    for (const size of mtu.tick(now, this.#use(this.#relayTrip.rttMs)))
      this.#probing.pingRelay(now, this.#relay, size);
    if (mtu.proven === before) return;
    this.#ports.log(
      'narrow',
      `${this.#relay.label} answers packets of ${mtu.proven} bytes, and none of ${before}`,
    );
    this.#ports.setPath(this.path);
  }

  /** Has the path in use judged, and pings it. */
  #watch(now: number): void {
    this.#spareAt = Infinity;
    const { active } = this.#probing;
    if (!active) return;
    const suspected = this.#life.suspected;
    const verdict = this.#life.judge(now, active, this.#spare);
    if (this.#life.suspected && !suspected) this.#ports.suspicious();
    if (verdict.kind === 'dead') this.#fail(now, active, verdict.why);
    // In use, heartbeats are as long as the longest frame: a path that lost its MTU must not look healthy.
    else if (now >= this.#life.pingAt(active)) this.#probing.ping(active, now, this.#life.used(now));
    if (this.#probing.active !== active || !this.#probing.tryWidth(active, now, this.#use(active.rttMs)))
      return;
    // What vanished so far was too long.
    this.#life.changed();
    this.#ports.setPath(this.path);
  }

  /** Another usable candidate that has answered lately. */
  readonly #spare = (now: number): string | undefined => {
    const { active, remotes } = this.#probing;
    for (const remote of remotes) {
      if (remote !== active && remote.state === 'usable' && spares.answers(now, remote)) return remote.key;
    }
    return undefined;
  };

  #fail(now: number, remote: Remote, why: string): void {
    this.#ports.log('lost', `${remote.key}: ${why}`);
    this.#probing.fail(remote);
    remote.missed = 0;
    died(remote, now);
    this.#probing.active = undefined;
    this.#life.changed();
    this.#relayPingAt = -Infinity;
    this.#apply({ kind: 'direct', endpoint: remote.key, rttMs: remote.rttMs });
    this.#nextUpgradeAt = now + upgradeMs;
    this.#choose(now);
    this.#again(now);
  }

  /** A new offer and a new burst at everything that is not usable. */
  #again(now: number): void {
    this.#ports.offer();
    this.#probing.burst(now);
  }

  /** Takes the best path there is: usable direct ones by round trip with hysteresis, else the best relay. */
  #choose(now: number): void {
    this.#choseAt = now;
    const before = this.active;
    const { active, remotes } = this.#probing;
    let best = active;
    for (const remote of remotes) {
      if (remote.state !== 'usable' || remote === best || now < remote.shunnedUntil) continue;
      if (!best || (best.withdrawn && !remote.withdrawn) || beats(remote, best)) best = remote;
    }
    const relay = this.#ports.relays()[0];
    const relayMoved = relay?.label !== this.#relay?.label;
    if (relayMoved) {
      this.#relayTrip = { rttMs: null, rttVarMs: 0 };
      this.#relayMtu = undefined;
    }
    this.#relay = relay;
    if (best === active && (best || !relayMoved)) return;
    if (best !== active) {
      this.#probing.active = best;
      this.#life.changed();
      if (best) {
        best.missed = 0;
        best.lastPongAt = now;
        best.takenAt = now;
      }
    }
    this.#apply(before);
  }

  #apply(before: ActivePath | null): void {
    const after = this.active;
    this.#ports.setPath(this.path);
    this.#ports.log('path', after ? `${after.kind} ${after.endpoint}` : 'none');
    this.#ports.changed(before, after);
  }
}
