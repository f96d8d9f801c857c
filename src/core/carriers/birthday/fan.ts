/**
 * Many sockets of ours, so that our NAT opens many ports towards a peer; the one that the peer hits becomes a hole of the data plane
 * (dataplane/loop/holes.ts), a way to the peer. A machine without I/O; times are monotonic ms.
 *
 *   opening ──a packet of the peer's──▶ open ──silent──▶ over
 *      └── nothing in time ──────────────────────────────▲
 *
 * The first packet of each socket opens our NAT and dies before it reaches the other's (path/remote.ts says why), a later one goes all
 * the way, for where our NAT is further off.
 */
import type { HoleCounters } from '../../dataplane/plane/plane.js';
import { formatEndpoint, type Endpoint } from '../../lib/endpoint.js';
import type { Random } from '../../lib/env.js';
import { openingHops } from '../../path/remote.js';
import { encodeKnock, knockOf, markLength } from '../../wire/birthday.js';
import { packetsOfBoth, socketCount, Spray } from './draw.js';

/** When the sockets send once more, from the beginning on, ms. */
const againMs = 400;
/** So long the peer may take to hit one, after all packets: with its answer to the offer, and a packet's way. */
const patienceMs = 1_500;
/** Packets of the peer take this long in all, ms. */
const oneMs = 3_500;
const bothMs = 8_500;
/** What was sent is answered by then, or the way is dead, ms. */
const deadAfterMs = 3_000;
/** How often it is looked at what went and came, ms. */
const lookEveryMs = 500;

/** Sockets by number; a socket is made when it is first named. */
export interface FanSockets {
  /** @param hops how many routers it passes; default: as usual */
  send(socket: number, packet: Uint8Array, to: Endpoint, hops?: number): void;
  /** It is not needed any more; its number does not come again. */
  close(socket: number): void;
}

/** A socket that is the data plane's, until it is closed. */
export interface OpenHole {
  /** Its number there. */
  readonly number: number;
  counters(): HoleCounters;
  close(): void;
}

export interface FanFacts {
  readonly sockets: FanSockets;
  readonly random: Random;
  /** Number of the first of its sockets; those that follow are its, too. */
  readonly first: number;
  /** The peer's endpoint; of its host where its port is 0. */
  readonly towards: Endpoint;
  /** What comes to us carries it. */
  readonly mark: Uint8Array;
  /** What the peer wants to read in ours; none where it listens at one port. */
  readonly theirs: Uint8Array | undefined;
  /** Has the data plane take the socket over, and send by it to the endpoint. Undefined: it cannot. */
  hole(socket: number, endpoint: Endpoint): OpenHole | undefined;
}

/** What a port that was hit has become. */
export interface OpenWay {
  readonly hole: OpenHole;
  readonly endpoint: Endpoint;
}

export class Fan {
  readonly #facts: FanFacts;
  readonly #spray: Spray | undefined;
  readonly #endsAt: number;
  #againAt: number;
  /** Where the peer's last packet came in, and from where. */
  #candidate: { readonly socket: number; readonly endpoint: Endpoint } | undefined;
  #way: OpenWay | undefined;
  #seen: HoleCounters = { received: 0, sent: 0 };
  #lookAt = Infinity;
  #waitingAt = Infinity;
  #over = false;

  /** @param way of the process before: nothing is opened */
  constructor(now: number, facts: FanFacts, way?: OpenWay) {
    this.#facts = facts;
    this.#way = way;
    if (way) this.#lookAt = now;
    const both = facts.theirs !== undefined;
    this.#spray = both ? new Spray(facts.random, packetsOfBoth, now) : undefined;
    this.#endsAt = now + (both ? bothMs : oneMs) + patienceMs;
    this.#againAt = now + againMs;
    if (!both && !way) this.#openAll(openingHops);
  }

  get open(): boolean {
    return this.#way !== undefined && !this.#over;
  }

  /** While it is open. */
  get way(): OpenWay | undefined {
    return this.#over ? undefined : this.#way;
  }

  get over(): boolean {
    return this.#over;
  }

  /** Where packets go, for people. */
  get label(): string {
    return formatEndpoint(this.#way?.endpoint ?? this.#facts.towards);
  }

  get dueAt(): number {
    if (this.#over) return Infinity;
    if (this.#way) return this.#lookAt;
    return Math.min(this.#againAt, this.#endsAt, this.#spray?.dueAt ?? Infinity);
  }

  /** True when the socket is one of its. */
  has(socket: number): boolean {
    return socket >= this.#facts.first && socket < this.#facts.first + socketCount;
  }

  /** A packet came to a socket of its. True when it is for the data plane, which knows whether it is genuine. */
  received(socket: number, packet: Uint8Array, from: Endpoint): boolean {
    const { towards, mark, theirs, sockets } = this.#facts;
    if (this.#way || this.#over || from.host !== towards.host) return false;
    if (!theirs) {
      if (from.port !== towards.port) return false;
      this.#candidate = { socket, endpoint: from };
      return true;
    }
    const knock = knockOf(packet, mark);
    if (!knock) return false;
    if (knock === 'knock') sockets.send(socket, encodeKnock('answer', theirs), from);
    this.#candidate = { socket, endpoint: from };
    this.#take();
    return false;
  }

  /** The data plane found a packet of the peer's genuine. True when that opened the way. */
  heard(): boolean {
    if (this.#way || this.#over || !this.#candidate) return false;
    this.#take();
    return this.open;
  }

  tick(now: number): void {
    if (this.#over) return;
    if (this.#way) {
      if (now >= this.#lookAt) this.#look(now, this.#way.hole);
      return;
    }
    if (now >= this.#endsAt) {
      this.close();
      return;
    }
    const { sockets, first, towards, theirs } = this.#facts;
    if (theirs) {
      const knock = encodeKnock('knock', theirs);
      this.#spray?.tick(now, (port) => {
        const at = Math.floor(this.#facts.random.unit() * socketCount);
        sockets.send(first + at, knock, { host: towards.host, port });
      });
    }
    if (now < this.#againAt) return;
    this.#againAt = Infinity;
    if (!theirs) this.#openAll(undefined);
  }

  close(): void {
    if (this.#over) return;
    this.#over = true;
    this.#way?.hole.close();
    this.#closeAll();
  }

  #openAll(hops: number | undefined): void {
    const { sockets, first, towards } = this.#facts;
    // Whoever it reaches makes nothing of it.
    const knock = encodeKnock('knock', new Uint8Array(markLength));
    for (let i = 0; i < socketCount; i++) sockets.send(first + i, knock, towards, hops);
  }

  #take(): void {
    if (!this.#candidate) return;
    const { socket, endpoint } = this.#candidate;
    const hole = this.#facts.hole(socket, endpoint);
    if (!hole) {
      this.close();
      return;
    }
    this.#way = { hole, endpoint };
    this.#lookAt = -Infinity;
    this.#closeAll();
  }

  /** Dead when packets went for so long without one that came. */
  #look(now: number, hole: OpenHole): void {
    this.#lookAt = now + lookEveryMs;
    const { received, sent } = hole.counters();
    if (received !== this.#seen.received) this.#waitingAt = Infinity;
    else if (sent !== this.#seen.sent) this.#waitingAt = Math.min(this.#waitingAt, now);
    this.#seen = { received, sent };
    if (now >= this.#waitingAt + deadAfterMs) this.close();
  }

  #closeAll(): void {
    const { sockets, first } = this.#facts;
    for (let i = first; i < first + socketCount; i++) sockets.close(i);
  }
}
