/**
 * How to reach one peer: chooses the path for data among the candidates that work (probing.ts) and the relays, and
 * leaves a path that peer/liveness.ts calls dead. A machine without I/O; all times are monotonic ms.
 *
 * Relay paths need no probe to be taken, the relay link answers for them; but what they carry is found out as for direct ones.
 */
import type { Origin, Path } from '../dataplane/plane/plane.js';
import { formatEndpoint, parseEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import type { HeldPath } from '../peer/held.js';
import { askMs, PathLiveness, shunMs, spares, type PingedPath } from '../peer/liveness.js';
import { timeoutMs } from '../peer/round-trip.js';
import type { Traffic } from '../peer/traffic.js';
import { TokenBucket } from '../lib/token-bucket.js';
import type { Candidate } from '../wire/candidate.js';
import type { Abilities } from '../wire/control.js';
import { maxPortRange, type PortRange } from '../wire/nat.js';
import { Beside } from './beside.js';
import type { Loss } from './loss.js';
import type { ActivePath } from './path.js';
import type { Ping } from './pings.js';
import type { ProberPorts } from './prober-ports.js';
import { Probing, type RemoteReport } from './probing.js';
import { beats, died, type Remote } from './remote.js';
import { Trial } from './trial.js';
import { Usage } from './usage.js';
import { Way } from './way.js';

/** A whole new burst, with a new offer, while there is no direct path. */
const upgradeMs = 60_000;
/** Ports of the peer that are opened on its word, a second and at once: so candidates get theirs of what probing.ts sends blindly. */
const openedPerS = maxPortRange / 2;
const openedAtOnce = 2 * maxPortRange;
/** With no path at all, relays and members are looked at again this often. */
const pathlessMs = 500;

export class Prober {
  readonly #ports: ProberPorts;
  readonly #probing: Probing;
  readonly #life = new PathLiveness();
  readonly #openings: TokenBucket;
  readonly #beside = new Beside();
  readonly #trial = new Trial();
  readonly #usage = new Usage();
  /** In use as long as there is no direct path. */
  #way: Way | undefined;
  /** The last one that there was, while there is none: a relay that comes back leads to the peer as it did. */
  #gone: Way | undefined;
  #nextUpgradeAt = Infinity;
  /** The way that there was at the last burst. */
  #triedBy: string | undefined;
  #choseAt = -Infinity;
  /** When a spare answered while the path in use is suspected: that is judged at once. */
  #spareAt = Infinity;

  /** @param fullSize bytes of a ping that makes a packet as long as the longest frame does. */
  constructor(env: Env, ports: ProberPorts, fullSize: number) {
    this.#ports = ports;
    this.#openings = new TokenBucket(openedPerS, openedAtOnce, env.clock.now());
    this.#probing = new Probing(env, { ...ports, framesSent: () => this.#life.sent }, fullSize);
  }

  get active(): ActivePath | null {
    const { active } = this.#probing;
    if (active) return { kind: 'direct', endpoint: active.key, rttMs: active.rttMs };
    if (!this.#way) return null;
    const { choice, label, rttMs } = this.#way;
    return {
      kind: choice.kind ?? (choice.path.kind === 'overlay' ? 'overlay' : 'relay'),
      endpoint: label,
      rttMs,
    };
  }

  /** Where data goes now. */
  get path(): Path | null {
    const { active } = this.#probing;
    if (active) return { kind: 'direct', endpoint: active.endpoint, ...active.mtu?.width };
    return this.#way?.path ?? null;
  }

  /** Data goes by a relay now. */
  get relayed(): boolean {
    return !this.#probing.active && this.#way !== undefined && this.#way.path.kind !== 'overlay';
  }

  /** What an answer by the relay may take, ms; 0 while none was measured. */
  get relayTimeoutMs(): number {
    return this.#way ? timeoutMs(this.#way) : 0;
  }

  /** Of the path in use. */
  lossAt(now: number): Loss {
    return this.#probing.loss.at(now);
  }

  get remotes(): readonly RemoteReport[] {
    return this.#probing.report;
  }

  /** When `tick` has something to do, if the counters stand still: ms of the clock, Infinity for never. */
  get dueAt(): number {
    const { active, remotes, running, dueAt } = this.#probing;
    if (!running) return Infinity;
    const at = Math.min(dueAt, this.#spareAt, this.#trial.dueAt);
    if (active) {
      const width = active.mtu?.dueAt(this.#usage.of(active.rttMs)) ?? Infinity;
      const doubt = this.#trial.running ? Infinity : this.#beside.dueAt(active, this.#life.heardAt);
      return Math.min(at, this.#life.dueAt(active), width, doubt);
    }
    const way = this.#way;
    const width = way?.mtu?.dueAt(this.#usage.of(way.rttMs)) ?? Infinity;
    const relay = way
      ? Math.min(this.#wayPingAt(way), this.#beside.dueAt(way, this.#usage.heardAt))
      : this.#choseAt + pathlessMs;
    let shunned = this.#trial.barredUntil > this.#choseAt ? this.#trial.barredUntil : Infinity;
    for (const { state, shunnedUntil } of remotes) {
      if (state === 'usable' && shunnedUntil > this.#choseAt) shunned = Math.min(shunned, shunnedUntil);
    }
    return Math.min(at, relay, shunned, width, this.#nextUpgradeAt);
  }

  #wayPingAt(way: Way): number {
    const { used, waitingSince } = this.#usage;
    return way.pingAt(used, waitingSince, this.#beside.doubt.doubted);
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
    if (!this.#way) return null;
    return { ...this.#way.held, joins };
  }

  /** Goes on with the path of the process before, where it is still there: the peer noticed nothing. */
  adopt(now: number, held: HeldPath | null): void {
    this.#probing.start(held?.joins);
    this.#nextUpgradeAt = now + upgradeMs;
    this.#life.changed();
    const endpoint = held?.endpoint ? parseEndpoint(held.endpoint) : undefined;
    this.#probing.active = held && endpoint ? this.#probing.adopt(now, endpoint, held) : undefined;
    this.#choseAt = now;
    const [choice] = this.#ports.relays();
    this.#way = choice && new Way(choice);
    if (held?.endpoint === null && this.#way) {
      this.#way.adopt(held, held.proven > 0 ? this.#probing.widthOf(now, held) : undefined);
    }
    if (this.#probing.active || this.#way) this.#apply(null);
    else this.start(now);
  }

  /** The session is gone, or the peer is another process now: nothing that was learnt holds. */
  reset(): void {
    const before = this.active;
    this.#probing.reset();
    this.#trial.end();
    this.#way = this.#gone = undefined;
    this.#beside.reset();
    this.#spareAt = Infinity;
    this.#ports.setPath(null, undefined);
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
    // It may have moved there.
    if (active && active.key !== formatEndpoint(endpoint) && this.#life.elsewhere(now))
      this.#ask(now, active);
    this.#probing.observed(now, endpoint, by);
  }

  /**
   * An answer to one of our pings. `directFrames`: how many direct frames of ours the peer has received; `able`: what it says of itself.
   */
  pong(now: number, transaction: number, directFrames: number, direct: boolean, able: Abilities): void {
    const answer = this.#probing.pong(now, transaction, direct, able);
    if (!answer) return;
    const { ping, rttMs, remote, rewidened } = answer;
    if (!ping.direct) this.#wayAnswered(now, ping, rttMs);
    if (!remote) return;
    if (remote === this.#probing.active && rewidened) this.#setPath();
    else if (rewidened) this.#choose(now);
    if (remote !== this.#probing.active) {
      if (this.#life.suspected && remote.state === 'usable') this.#spareAt = now;
      return;
    }
    this.#life.answered(ping.sentAt);
    this.#trial.answered(ping.sentAt);
    // What is too long for the path is no sign that it eats whatever it is given.
    if (remote.mtu?.inDoubt === true) return;
    const eaten = this.#life.eaten(ping.framesSent, directFrames);
    if (eaten === 0) return;
    remote.shunnedUntil = now + shunMs;
    this.#fail(now, remote, `${eaten} frames vanished while pings were answered`);
  }

  #wayAnswered(now: number, { key, size }: Ping, rttMs: number): void {
    const { way: second } = this.#beside;
    if (second?.label === key) second.answered(now, rttMs);
    const way = this.#way;
    if (way?.label !== key) return;
    way.answered(now, rttMs);
    if (this.#probing.joins)
      this.#rewidened(
        'width',
        way.carried(now, size, () => this.#probing.width(now)),
      );
  }

  #rewidened(event: string, news: string | undefined): void {
    if (news === undefined) return;
    this.#ports.log(event, news);
    if (!this.#probing.active) this.#setPath();
  }

  /**
   * The peer asks something, by a way that has this origin. Where that is not the one in use it may doubt this one, so that is
   * asked at once.
   */
  asked(now: number, origin: Origin): void {
    const { active, running } = this.#probing;
    const inUse = active ?? this.#way;
    if (!running || !inUse || origin.kind === 'direct' || (!active && this.#way?.brought(origin) === true))
      return;
    this.#beside.doubt.elsewhere(now);
    if (inUse.missed > 0 || now - inUse.lastPingAt < askMs) return;
    if (active) this.#probing.ping(active, now, this.#life.used(now));
    else if (this.#way) this.#pingWay(now, this.#way);
  }

  /** Asks the direct path in use, unless it owes an answer. */
  #ask(now: number, active: Remote): void {
    if (active.missed === 0) this.#probing.ping(active, now, this.#life.used(now));
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
    this.#way?.mtu?.again(now);
    this.rerouted(now);
    this.#probing.doubt(now);
    this.#ports.offer();
  }

  /** Routes of this machine changed: what they lead through the network itself is a path no more. */
  rerouted(now: number): void {
    const { active, remotes } = this.#probing;
    const looping = remotes.unloop(active);
    if (!looping) return;
    this.#fail(now, looping, 'its way leads through the network itself');
    remotes.unloop(undefined);
  }

  /** A relay came, went or changed its transport. */
  relaysChanged(now: number): void {
    const { running } = this.#probing;
    if (!running) return;
    const before = this.#way;
    this.#choose(now);
    // Another way out may mean another way in: try for a direct path at once. Not so the one by which it was tried already, as when
    // a relay comes back, or other members.
    const way = this.#way;
    if (this.#probing.active || !before || !way || way.path.kind === 'overlay') return;
    if (way.label !== before.label && way.label !== this.#triedBy) this.#again(now);
  }

  /** Does what is due; `traffic` was looked at now. */
  tick(now: number, traffic: Traffic): void {
    if (!this.#probing.running) return;
    this.#life.look(now, traffic);
    this.#usage.look(now, traffic, this.#probing.active ? this.#life.used(now) : undefined);
    this.#watch(now);
    this.#probing.tick(now);
    if (this.#probing.active) return;
    if (this.#way) this.#watchWay(now, this.#way);
    if (now >= this.#nextUpgradeAt) {
      this.#nextUpgradeAt = now + upgradeMs;
      this.#again(now);
    }
    this.#choose(now);
  }

  /** Pings the way in use; has another one help while it is in doubt, or take its place. */
  #watchWay(now: number, way: Way): void {
    const narrow = way.tryWidth(now, this.#usage.of(way.rttMs), (size) => {
      this.#probing.pingRelay(now, way.choice, size);
    });
    this.#rewidened('narrow', narrow);
    if (now >= this.#wayPingAt(way)) this.#pingWay(now, way);
    this.#doubt(now, way.label, way, this.#usage.heardAt);
    if (!this.#beside.wins(now, way)) return;
    this.#ports.log('lost', `${way.label} does not answer, while ${this.#beside.way?.label ?? ''} does`);
    this.#beside.shun(now, way.label);
  }

  #pingWay(now: number, way: Way): void {
    way.asked(now);
    this.#probing.pingRelay(now, way.choice);
  }

  /** Has a second way help while the one in use does not answer. */
  #doubt(now: number, label: string, inUse: PingedPath, heardAt: number): void {
    const { doubt } = this.#beside;
    const before = doubt.doubted;
    const moved = this.#beside.look(now, label, inUse, heardAt, () => this.#ports.relays());
    const { way } = this.#beside;
    if (doubt.doubted && !before) {
      this.#ports.log('doubt', `${label} does not answer`);
      this.#ports.suspicious();
      this.#probing.pingSpares(now);
    }
    if (moved && this.#probing.copies) {
      this.#ports.log('beside', way ? `${way.label}, too` : `${label} alone`);
      this.#setPath();
    }
    if (way && now >= way.lastPingAt + askMs) this.#pingWay(now, way);
  }

  /** Has the path in use judged, and pings it. */
  #watch(now: number): void {
    this.#spareAt = Infinity;
    const { active } = this.#probing;
    if (!active) return;
    if (this.#trial.asks(now)) this.#probing.ping(active, now);
    if (this.#trial.failed(now)) return this.#fail(now, active, 'answers only as long as it carries nothing');
    if (!this.#trial.running) this.#doubt(now, active.key, active, this.#life.heardAt);
    const verdict = this.#life.judge(now, active, this.#spare);
    const spared = !this.#trial.running && this.#beside.spares(now, this.#usage.heardAt);
    if (verdict.kind === 'dead' && !spared) return this.#fail(now, active, verdict.why);
    if (this.#beside.wins(now, active))
      return this.#fail(now, active, `unanswered, while ${this.#beside.way?.label ?? ''} answers`);
    // In use, heartbeats are as long as the longest frame: a path that lost its MTU must not look healthy.
    if (now >= this.#life.pingAt(active)) this.#probing.ping(active, now, this.#life.used(now));
    if (!this.#probing.tryWidth(active, now, this.#usage.of(active.rttMs))) return;
    // What vanished so far was too long.
    this.#life.changed();
    this.#setPath();
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
    this.#trial.end();
    this.#life.changed();
    if (this.#way) this.#way.lastPingAt = -Infinity;
    this.#apply({ kind: 'direct', endpoint: remote.key, rttMs: remote.rttMs });
    this.#nextUpgradeAt = now + upgradeMs;
    this.#choose(now);
    this.#again(now);
  }

  /** A new offer and a new burst at everything that is not usable. */
  #again(now: number): void {
    this.#triedBy = this.#way?.label;
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
      if (now < this.#trial.barredUntil && this.#ports.veiled(remote.endpoint.host)) continue;
      if (!best || (best.withdrawn && !remote.withdrawn) || beats(remote, best)) best = remote;
    }
    const relay = this.#beside.best(now, this.#ports.relays());
    const relayMoved = relay?.label !== this.#way?.label;
    if (relayMoved) {
      const known = active ? undefined : this.#beside.take(relay?.label);
      const back = relay && this.#gone?.label === relay.label ? this.#gone.back(now, relay) : undefined;
      this.#gone = relay ? undefined : this.#way;
      this.#way = relay && (known ?? back ?? new Way(relay));
      if (this.#way) this.#way.lastPongAt = now;
    } else if (this.#way && relay) this.#way.choice = relay;
    if (best === active && (best || !relayMoved)) return;
    if (best !== active) {
      this.#probing.active = best;
      this.#trial.end();
      this.#life.changed();
      if (best) {
        best.missed = 0;
        best.lastPongAt = now;
        best.takenAt = now;
        if (this.#ports.veiled(best.endpoint.host)) this.#trial.begin(now, best);
      }
    }
    this.#apply(before);
  }

  #apply(before: ActivePath | null): void {
    const after = this.active;
    this.#probing.loss.watch(after?.endpoint);
    this.#beside.take(undefined);
    this.#setPath();
    this.#ports.log('path', after ? `${after.kind} ${after.endpoint}` : 'none');
    this.#ports.changed(before, after);
  }

  #setPath(): void {
    this.#ports.setPath(this.path, this.#probing.copies ? this.#beside.path : undefined);
  }
}
