/**
 * How to reach one peer: probes every candidate, chooses the path for data, and drops a path that stops carrying.
 * A machine without I/O; all times are monotonic ms.
 *
 *            offer in           pong            full-size pong            best of all
 *   candidate ──────▶ probing ───────▶ answering ─────────────▶ usable ─────────────────▶ active
 *       ▲                │ burst over     │ only small pongs      │ silent, or eats payload
 *       └── next burst ──┴────────────────┴───────────────────────┘
 *
 * A path is chosen only after it carried a packet as long as the longest frame, so a path of a smaller MTU, or one
 * that passes small packets only, is never trusted. Relay paths need no probe: the relay link answers for them.
 */
import type { Path } from '../dataplane/plane/plane.js';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Env } from '../lib/env.js';
import type { Candidate } from '../wire/control.js';
import { isProbeable } from '../surroundings/candidate.js';
import { burstMs, maxRemotes, newRemote, openingHops, smooth, type Remote } from './remote.js';

/** A whole new burst, with a new offer, while there is no direct path. */
const upgradeMs = 60_000;
/** Heartbeat of the active path: in use, idle. Below the 30 s after which common NATs forget a mapping. */
const heartbeatUsedMs = 3_000;
const heartbeatIdleMs = 10_000;
/** A path is in use this long after its last frame. */
const usedMs = 5_000;
/** After a missed heartbeat the next ones follow quickly; so many in a row end the path. */
const retryMs = 500;
const missesAllowed = 5;
/** A path in use that falls quiet is pinged this often: a NAT that lost its table opens again by our own packets. */
const quietMs = 1_000;
/** Frames go out and nothing at all comes in: ask after this long, and leave the path after that long. */
const suspectMs = 1_000;
const silenceMs = 2_000;
/** Frames sent between two pongs that make an unmoved receive count at the peer a verdict. */
const eatenFrames = 20;
/** How long a path that ate payload is left alone. */
const shunMs = 120_000;
/** Full-size pings before a candidate counts as too narrow. */
const fullSizeTries = 4;
/** A pong later than this is no answer. */
const pingLifeMs = 5_000;
interface Ping {
  readonly key: string | null;
  readonly sentAt: number;
  readonly full: boolean;
}

/** A way through a relay, or through other members, that works now. */
export interface RelayChoice {
  readonly path: Path;
  /** `udp://HOST:PORT`, `ws://HOST:PORT`, `via NAME` of a member, or `ring`. Another way has another label. */
  readonly label: string;
}

/** What the counters of the plane say, with ages instead of times. */
export interface Traffic {
  readonly txDirect: number;
  readonly rxDirect: number;
  /** ms since the last authenticated packet by a direct path. */
  readonly directRxAgeMs: number;
}

export interface ActivePath {
  readonly kind: 'direct' | 'relay' | 'overlay';
  readonly endpoint: string;
  readonly rttMs: number | null;
}

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
}

export class Prober {
  readonly #env: Env;
  readonly #ports: ProberPorts;
  readonly #fullSize: number;
  readonly #remotes = new Map<string, Remote>();
  readonly #pings = new Map<number, Ping>();
  #active: Remote | undefined;
  #relay: RelayChoice | undefined;
  #relayRttMs: number | null = null;
  #relayPingAt = -Infinity;
  #running = false;
  #nextUpgradeAt = Infinity;
  #usedAt = -Infinity;
  /** When the present spell of use began: nothing can have been missing for longer. */
  #usedSince = -Infinity;
  #txSeen = 0;
  #rxSeen = 0;
  /** txDirect when the peer's count of received frames was last heard, and that count. */
  #proven: { tx: number; received: number } | undefined;
  #txAtLastRx = 0;
  #suspected = false;

  /** @param fullSize bytes of a ping that makes a packet as long as the longest frame does. */
  constructor(env: Env, ports: ProberPorts, fullSize: number) {
    this.#env = env;
    this.#ports = ports;
    this.#fullSize = fullSize;
  }

  get active(): ActivePath | null {
    if (this.#active) return { kind: 'direct', endpoint: this.#active.key, rttMs: this.#active.rttMs };
    if (!this.#relay) return null;
    const kind = this.#relay.path.kind === 'overlay' ? 'overlay' : 'relay';
    return { kind, endpoint: this.#relay.label, rttMs: this.#relayRttMs };
  }

  /** Where data goes now. */
  get path(): Path | null {
    if (this.#active) return { kind: 'direct', endpoint: this.#active.endpoint };
    return this.#relay?.path ?? null;
  }

  /** True while something is due within tenths of a second. */
  get busy(): boolean {
    if (!this.#running) return false;
    for (const remote of this.#remotes.values()) {
      if (remote === this.#active ? remote.missed > 0 : remote.burstStep < burstMs.length) return true;
    }
    return false;
  }

  get remotes(): { endpoint: string; kind: string; state: string; rttMs: number | null }[] {
    return [...this.#remotes.values()].map(({ key, kind, state, rttMs }) => ({
      endpoint: key,
      kind,
      state: this.#active?.key === key ? 'active' : state,
      rttMs,
    }));
  }

  /** The session stands (again): offer our candidates and begin. `via` is the direct endpoint that answered, if any. */
  start(now: number, via?: Endpoint): void {
    this.#running = true;
    this.#nextUpgradeAt = now + upgradeMs;
    this.#proven = undefined;
    if (via) this.observed(now, via, 'handshake');
    this.#choose(now);
    this.#ports.offer();
    for (const remote of this.#remotes.values()) if (remote !== this.#active) this.#burst(remote, now);
  }

  /** The session is gone, or the peer is another process now: nothing that was learnt holds. */
  reset(): void {
    const before = this.active;
    this.#running = false;
    this.#remotes.clear();
    this.#pings.clear();
    this.#active = undefined;
    this.#relay = undefined;
    this.#relayRttMs = null;
    this.#ports.setPath(null);
    if (before) this.#ports.changed(before, null);
  }

  /** The peer's candidates. A new offer starts a burst at all of them that do not work yet. */
  offer(now: number, candidates: readonly Candidate[]): void {
    for (const remote of this.#remotes.values()) remote.offered = false;
    for (const { endpoint, kind } of candidates) {
      const remote = this.#remote(endpoint, kind);
      if (!remote) continue;
      remote.kind = kind;
      remote.offered = true;
    }
    for (const [key, remote] of this.#remotes) {
      if (!remote.offered && remote !== this.#active && remote.state !== 'usable') this.#remotes.delete(key);
    }
    this.#ports.log(
      'offer',
      candidates.map((c) => `${c.kind} ${formatEndpoint(c.endpoint)}`).join(', ') || 'no candidates',
    );
    if (!this.#running) return;
    for (const remote of this.#remotes.values()) if (remote.state !== 'usable') this.#burst(remote, now);
  }

  /** A genuine packet came from this endpoint: a candidate, whatever the peer offered (RFC 8445: peer-reflexive). */
  observed(now: number, endpoint: Endpoint, by: string): void {
    const known = this.#remotes.has(formatEndpoint(endpoint));
    const remote = this.#remote(endpoint, 'peer-reflexive');
    if (!remote || remote.state === 'usable' || remote === this.#active) return;
    if (!known) this.#ports.log('observed', `${remote.key} (${by})`);
    // What came through proves our NAT open: no opening ping.
    if (remote.state === 'failed' || remote.state === 'waiting' || !known) this.#burst(remote, now, 1);
    if (this.#running && now - remote.lastPingAt >= 50)
      this.#pingRemote(remote, now, remote.state === 'answering');
  }

  /** An answer to one of our pings. `directFrames`: how many direct frames of ours the peer has received. */
  pong(now: number, transaction: number, directFrames: number, direct: boolean): void {
    const ping = this.#pings.get(transaction);
    if (!ping || now - ping.sentAt > pingLifeMs) return;
    this.#pings.delete(transaction);
    const rtt = now - ping.sentAt;
    if (ping.key === null) {
      this.#relayRttMs = smooth(this.#relayRttMs, rtt);
      return;
    }
    const remote = this.#remotes.get(ping.key);
    // A pong that came through a relay proves only one direction of this path.
    if (!remote || !direct) return;
    remote.rttMs = smooth(remote.rttMs, rtt);
    remote.lastPongAt = now;
    remote.missed = 0;
    if (ping.full) {
      remote.burstStep = burstMs.length;
      if (remote.state !== 'usable') {
        remote.state = 'usable';
        this.#ports.log('usable', `${remote.key} answers full-size packets in ${rtt.toFixed(1)} ms`);
      }
      this.#choose(now);
    } else if (remote.state === 'probing' || remote.state === 'waiting' || remote.state === 'failed') {
      remote.state = 'answering';
      remote.fullSizeSent = 0;
      this.#pingRemote(remote, now, true);
    }
    if (remote === this.#active) this.#checkPayload(now, remote, directFrames);
  }

  /** Addresses of this machine changed: what works is in doubt, what failed may work. */
  networkChanged(now: number): void {
    if (!this.#running) return;
    if (this.#active) {
      this.#active.missed = Math.max(this.#active.missed, missesAllowed - 3);
      this.#active.lastPingAt = -Infinity;
    }
    for (const remote of this.#remotes.values()) {
      if (remote === this.#active) continue;
      remote.state = 'waiting';
      this.#burst(remote, now);
    }
    this.#ports.offer();
  }

  /** A relay came, went or changed its transport. */
  relaysChanged(now: number): void {
    if (!this.#running) return;
    const before = this.#relay?.label;
    this.#choose(now);
    // Another way out may mean another way in: try for a direct path at once.
    if (!this.#active && before !== undefined && this.#relay && before !== this.#relay.label)
      this.#again(now);
  }

  tick(now: number, traffic: Traffic): void {
    if (!this.#running) return;
    for (const [transaction, ping] of this.#pings)
      if (now - ping.sentAt > pingLifeMs) this.#pings.delete(transaction);
    this.#watchActive(now, traffic);
    this.#probe(now);
    if (
      !this.#active &&
      this.#relay &&
      now - this.#relayPingAt >= (this.#used(now) ? heartbeatUsedMs : heartbeatIdleMs)
    ) {
      this.#relayPingAt = now;
      this.#send(now, null, 9, this.#relay.path);
    }
    if (!this.#active && now >= this.#nextUpgradeAt) {
      this.#nextUpgradeAt = now + upgradeMs;
      this.#again(now);
    }
    if (!this.#active) this.#choose(now);
  }

  #used(now: number): boolean {
    return now - this.#usedAt < usedMs;
  }

  #watchActive(now: number, traffic: Traffic): void {
    if (traffic.txDirect !== this.#txSeen || traffic.rxDirect !== this.#rxSeen) {
      if (!this.#used(now)) this.#usedSince = now;
      this.#usedAt = now;
    }
    if (traffic.rxDirect !== this.#rxSeen) this.#txAtLastRx = traffic.txDirect;
    this.#txSeen = traffic.txDirect;
    this.#rxSeen = traffic.rxDirect;
    const active = this.#active;
    if (!active) return;
    const silence = Math.min(traffic.directRxAgeMs, now - active.lastPongAt, now - this.#usedSince);
    const unansweredFrames = traffic.txDirect > this.#txAtLastRx;
    const retry = Math.max(retryMs, 2 * (active.rttMs ?? 0));
    const suspect = unansweredFrames && this.#used(now) && silence > suspectMs;
    if (suspect && !this.#suspected) this.#ports.suspicious();
    this.#suspected = suspect;
    const spare = suspect ? this.#answering(now, active) : undefined;
    if (spare) {
      this.#fail(now, active, `silent, while ${spare.key} answers`);
      return;
    }
    if (suspect && silence > Math.max(silenceMs, 4 * (active.rttMs ?? 0))) {
      this.#fail(now, active, `nothing came back for ${Math.round(silence)} ms`);
      return;
    }
    if (active.missed >= missesAllowed) {
      this.#fail(now, active, `${active.missed} pings went unanswered`);
      return;
    }
    const calm = !this.#used(now)
      ? heartbeatIdleMs
      : traffic.directRxAgeMs > quietMs
        ? quietMs
        : heartbeatUsedMs;
    const interval = active.missed > 0 || suspect ? retry : calm;
    // In use, heartbeats are as long as the longest frame: a path that lost its MTU must not look healthy.
    if (now - active.lastPingAt >= interval) this.#pingRemote(active, now, this.#used(now));
  }

  /** Another usable candidate that has answered lately. */
  #answering(now: number, active: Remote): Remote | undefined {
    for (const remote of this.#remotes.values()) {
      if (remote !== active && remote.state === 'usable' && now - remote.lastPongAt < suspectMs)
        return remote;
    }
    return undefined;
  }

  /** The peer counts what it receives directly; when that stands still while we send, the path eats payload. */
  #checkPayload(now: number, remote: Remote, received: number): void {
    const before = this.#proven;
    if (before && this.#txSeen - before.tx >= eatenFrames && received === before.received) {
      remote.shunnedUntil = now + shunMs;
      this.#fail(now, remote, `${this.#txSeen - before.tx} frames vanished while pings were answered`);
      return;
    }
    if (!before || received !== before.received || this.#txSeen < before.tx) {
      this.#proven = { tx: this.#txSeen, received };
    }
  }

  #fail(now: number, remote: Remote, why: string): void {
    this.#ports.log('lost', `${remote.key}: ${why}`);
    remote.state = 'failed';
    remote.missed = 0;
    this.#active = undefined;
    this.#proven = undefined;
    this.#relayPingAt = -Infinity;
    this.#apply({ kind: 'direct', endpoint: remote.key, rttMs: remote.rttMs });
    this.#nextUpgradeAt = now + upgradeMs;
    this.#choose(now);
    this.#again(now);
  }

  /** A new offer and a new burst at everything that is not usable. */
  #again(now: number): void {
    this.#ports.offer();
    for (const remote of this.#remotes.values()) if (remote.state !== 'usable') this.#burst(remote, now);
  }

  #probe(now: number): void {
    for (const remote of this.#remotes.values()) {
      if (remote === this.#active) continue;
      const step = burstMs[remote.burstStep];
      if (step === undefined) {
        // Usable spares are kept warm at the idle pace, so that a failover has somewhere to go.
        if (
          remote.state === 'usable' &&
          now - remote.lastPingAt >= (remote.missed > 0 ? retryMs : heartbeatIdleMs)
        ) {
          if (remote.missed >= missesAllowed) remote.state = 'failed';
          else this.#pingRemote(remote, now, false);
        }
        continue;
      }
      if (now - remote.burstAt < step) continue;
      remote.burstStep++;
      if (remote.burstStep >= burstMs.length && remote.state !== 'usable') {
        if (remote.state === 'answering') {
          remote.state = 'narrow';
          this.#ports.log('narrow', `${remote.key} answers, but not packets of ${this.#fullSize} bytes`);
        } else {
          remote.state = 'failed';
          this.#ports.log('silent', `${remote.key} (${remote.kind}) did not answer`);
        }
        continue;
      }
      const full = remote.state === 'answering' && remote.fullSizeSent < fullSizeTries;
      this.#pingRemote(remote, now, full, remote.burstStep === 1 && remote.state === 'probing');
    }
  }

  #burst(remote: Remote, now: number, step = 0): void {
    if (remote.state !== 'usable' && remote.state !== 'answering') remote.state = 'probing';
    remote.burstAt = now;
    remote.burstStep = step;
    remote.fullSizeSent = 0;
    remote.missed = 0;
    if (this.#running) this.#probe(now);
  }

  #pingRemote(remote: Remote, now: number, full: boolean, opening = false): void {
    remote.lastPingAt = now;
    remote.missed++;
    if (full) remote.fullSizeSent++;
    const { endpoint } = remote;
    const path: Path = opening
      ? { kind: 'direct', endpoint, hops: openingHops }
      : { kind: 'direct', endpoint };
    this.#send(now, remote.key, full ? this.#fullSize : 9, path);
  }

  #send(now: number, key: string | null, size: number, path: Path): void {
    const transaction = Math.floor(this.#env.random.unit() * Number.MAX_SAFE_INTEGER);
    this.#pings.set(transaction, { key, sentAt: now, full: size > 9 });
    this.#ports.ping(transaction, size, path);
  }

  #remote(endpoint: Endpoint, kind: Remote['kind']): Remote | undefined {
    const key = formatEndpoint(endpoint);
    const known = this.#remotes.get(key);
    if (known || !isProbeable(endpoint)) return known;
    if (this.#remotes.size >= maxRemotes && !this.#forgetDead()) return undefined;
    const remote = newRemote(key, endpoint, kind);
    this.#remotes.set(key, remote);
    return remote;
  }

  /** Makes room: a peer that roams leaves an endpoint behind each time. False when all are offered or answer. */
  #forgetDead(): boolean {
    for (const [key, { state, offered }] of this.#remotes) {
      if (offered || state === 'usable' || state === 'answering') continue;
      this.#remotes.delete(key);
      return true;
    }
    return false;
  }

  /** Takes the best path there is: usable direct ones by round trip with hysteresis, else the best relay. */
  #choose(now: number): void {
    const before = this.active;
    let best = this.#active;
    for (const remote of this.#remotes.values()) {
      if (remote.state !== 'usable' || remote === best || now < remote.shunnedUntil) continue;
      const rtt = remote.rttMs ?? Infinity;
      if (!best || rtt < (best.rttMs ?? Infinity) * 0.7 - 1) best = remote;
    }
    const relay = this.#ports.relays()[0];
    const relayMoved = relay?.label !== this.#relay?.label;
    if (relayMoved) this.#relayRttMs = null;
    this.#relay = relay;
    if (best === this.#active && (best || !relayMoved)) return;
    if (best !== this.#active) {
      this.#active = best;
      this.#proven = undefined;
      if (best) {
        best.missed = 0;
        best.lastPongAt = now;
      }
    }
    this.#apply(before);
  }

  #apply(before: ActivePath | null): void {
    const after = this.active;
    this.#ports.setPath(this.path);
    if (after) this.#ports.log('path', `${after.kind} ${after.endpoint}`);
    else this.#ports.log('path', 'none');
    this.#ports.changed(before, after);
  }
}
