/**
 * All WebRTC calls of a node, as one carrier. A call stands as long as one of its two members has no better way to the other;
 * while it stands, both use it. The member of the lesser id makes it, the other asks for it.
 *
 *   no direct path, no relay by UDP ──patience──▶ want (to the lesser id), or offer ──▶ call ──open──▶ a way
 *   neither needs it for a while ──▶ end
 */
import type { Env } from '../../lib/env.js';
import { toHex } from '../../lib/bytes.js';
import type { Endpoint } from '../../lib/endpoint.js';
import { SourceLimiter } from '../../lib/source-limiter.js';
import { TokenBucket } from '../../lib/token-bucket.js';
import type { RelayChoice } from '../../path/path.js';
import { batchIsWhole } from '../../wire/relay.js';
import type { IceCandidate, IceMessage } from '../../wire/ice.js';
import type { Carrier, Carriers } from '../carrier.js';
import { Call } from './call.js';
import type { Connection, ConnectionListener } from './connection.js';
import { Gathering } from './gathering.js';

/** So long a better way has time to be found, ms. */
const patienceMs = 3_000;
/** How often the other side is asked for a call, and for one to be kept, ms; a wish is forgotten after two and a half of those. */
const wantMs = 2_000;
const keepMs = 60_000;
const wishMs = 150_000;
/** A call that neither side needs ends after this, ms. */
const restMs = 30_000;
/** After a call that failed, the next is made so much later, twice as much each time, ms. */
const firstPauseMs = 5_000;
const longestPauseMs = 600_000;
/** A call that stood so long did not fail. */
const stoodMs = 60_000;
/** Calls at once: each has a socket and some threads' time. */
export const maxCalls = 32;
/** Offers of members that are answered with a new call: each makes sockets and asks servers. */
const offersPerSecond = 1;
const offersAtOnce = 8;
/** The same of one member, who calls again after a failure some 20 s later at the soonest; and members remembered. */
const memberOffersPerSecond = 1 / 20;
const memberOffersAtOnce = 4;
const memberLimit = 4_096;

export interface CallsPorts {
  readonly env: Env;
  /** Own node id, hexadecimal. */
  readonly idText: string;
  readonly carriers: Carriers;
  /** @param named STUN servers that the other side named, the one first whose turn it is */
  connect(offers: boolean, named: readonly Endpoint[], listener: ConnectionListener): Connection;
  /** Servers of ours that others may ask for their outer address. */
  servers(): readonly Endpoint[];
  usable(candidate: IceCandidate, own: boolean): boolean;
  /** To this member, by the best way there is. */
  tell(idText: string, message: IceMessage): void;
  /** For the member's decision log. */
  log(idText: string, event: string, detail: string): void;
  /** Ways by calls came or went. */
  changed(): void;
  input(deed: () => void): void;
}

/** Who did not help is last the next time. */
function inTurn<T>(all: readonly T[], turn: number): readonly T[] {
  const at = all.length === 0 ? 0 : turn % all.length;
  return [...all.slice(at), ...all.slice(0, at)];
}

type Offer = Extract<IceMessage, { type: 'offer' }>;

/** What is kept of a member that a call was wanted to or from. */
interface Other {
  readonly id: Uint8Array;
  readonly idText: string;
  readonly gathering: Gathering;
  call: Call | undefined;
  /** STUN servers that it named. */
  servers: readonly Endpoint[];
  /** Since when we have no better way; Infinity: we have. And since when we do. */
  neededAt: number;
  restingAt: number;
  /** The other side wants a call until then. */
  wishedUntil: number;
  wantedAt: number;
  failures: number;
  notBefore: number;
}

export class Calls implements Carrier {
  readonly kind = 'webrtc';
  readonly id: number;
  readonly #ports: CallsPorts;
  readonly #others = new Map<string, Other>();
  readonly #offers: TokenBucket;
  readonly #memberOffers = new SourceLimiter(memberOffersPerSecond, memberOffersAtOnce, memberLimit);
  #dropped = 0;
  #unserved = false;

  constructor(ports: CallsPorts) {
    this.#ports = ports;
    this.#offers = new TokenBucket(offersPerSecond, offersAtOnce, ports.env.clock.now());
    this.id = ports.carriers.add(this);
  }

  /** Packets that found no room in a call, or none open. */
  get dropped(): number {
    return this.#dropped;
  }

  /** The last call was not open by its time, and no TURN server had given an address for it. */
  get unserved(): boolean {
    return this.#unserved;
  }

  /** When `tick` has something to do, ms of the clock; Infinity for never. */
  get dueAt(): number {
    let at = Infinity;
    for (const other of this.#others.values()) at = Math.min(at, this.#otherDueAt(other));
    return at;
  }

  /** The way to a member by a call that stands. */
  way(idText: string): RelayChoice | undefined {
    const other = this.#others.get(idText);
    if (!other?.call?.open) return undefined;
    const path = { kind: 'carrier', carrier: this.id, destination: other.id } as const;
    return { path, label: other.call.label, kind: 'webrtc' };
  }

  /** Whether this node has no better way to the member than a call would be. */
  need(now: number, id: Uint8Array, idText: string, needed: boolean): void {
    if (!needed && !this.#others.has(idText)) return;
    const other = this.#other(id, idText);
    if (needed) {
      other.neededAt = Math.min(other.neededAt, now);
      other.restingAt = Infinity;
    } else {
      other.neededAt = Infinity;
      other.restingAt = Math.min(other.restingAt, now);
    }
  }

  /** @param apart there is no direct path to the member, so that a call of its makes sense */
  receive(now: number, id: Uint8Array, message: IceMessage, apart: boolean): void {
    const idText = toHex(id);
    const known = this.#others.get(idText);
    switch (message.type) {
      case 'want': {
        if (!apart && !known?.call) return;
        const other = this.#other(id, idText);
        other.wishedUntil = now + wishMs;
        other.servers = message.servers;
        return;
      }
      case 'offer':
        if (this.#offersTo(idText)) return;
        if (known?.call?.number !== message.call && (!apart || !this.#answers(now, id, idText, message)))
          return;
        this.#others.get(idText)?.call?.take(now, message.description);
        return;
      case 'answer':
        if (known?.call?.offers === true && known.call.number === message.call)
          known.call.take(now, message.description);
        return;
      case 'end':
        if (known?.call?.number === message.call) this.#over(known, 'the other side ended it', true);
    }
  }

  send(destination: Uint8Array, batch: Uint8Array): void {
    const call = this.#others.get(toHex(destination))?.call;
    if (!batchIsWhole(batch)) return;
    for (let at = 0; at < batch.length;) {
      const length = (batch[at] as number) | ((batch[at + 1] as number) << 8);
      at += 2;
      if (call?.send(batch.subarray(at, at + length)) !== true) this.#dropped++;
      at += length;
    }
  }

  /** Who calls is connected: that is no news for its ways. */
  heard(): boolean {
    return false;
  }

  tick(now: number): void {
    for (const other of [...this.#others.values()]) {
      other.call?.tick(now);
      if (now >= other.wishedUntil) other.wishedUntil = -Infinity;
      this.#decide(now, other);
      const rests = !other.call && other.neededAt === Infinity && other.wishedUntil === -Infinity;
      if (rests && now >= other.notBefore) this.#others.delete(other.idText);
    }
  }

  /** The member is none any more. */
  forget(idText: string): void {
    const other = this.#others.get(idText);
    if (other?.call) this.#over(other, 'no member any more', false);
    this.#others.delete(idText);
  }

  /** Ends all calls. */
  close(): void {
    for (const { call, gathering } of this.#others.values()) {
      call?.close();
      gathering.stop();
    }
    this.#others.clear();
    this.#ports.carriers.remove(this.id);
  }

  #offersTo(idText: string): boolean {
    return this.#ports.idText < idText;
  }

  #other(id: Uint8Array, idText: string): Other {
    let other = this.#others.get(idText);
    if (other) return other;
    const gathering = new Gathering((batch) => {
      this.#ports.carriers.arrived(this.id, id, batch);
    });
    other = {
      id: id.slice(),
      idText,
      gathering,
      call: undefined,
      servers: [],
      neededAt: Infinity,
      restingAt: this.#ports.env.clock.now(),
      wishedUntil: -Infinity,
      wantedAt: -Infinity,
      failures: 0,
      notBefore: -Infinity,
    };
    this.#others.set(idText, other);
    return other;
  }

  /** When a call is wanted to be made, or asked for, by us. */
  #wantedFrom(other: Other): number {
    return Math.max(other.neededAt + patienceMs, other.notBefore);
  }

  #otherDueAt(other: Other): number {
    const { call } = other;
    const offers = this.#offersTo(other.idText);
    const forgets = other.wishedUntil === -Infinity ? Infinity : other.wishedUntil;
    if (!call) {
      const wished = offers && other.wishedUntil > other.notBefore ? other.notBefore : Infinity;
      const wanted = this.#wantedFrom(other);
      const own = offers ? wanted : Math.max(wanted, other.wantedAt + wantMs);
      return Math.min(wished, own, forgets);
    }
    const keep = other.neededAt < Infinity ? other.wantedAt + keepMs : Infinity;
    const rests = call.open ? Math.max(other.restingAt + restMs, other.wishedUntil) : Infinity;
    return Math.min(call.dueAt, keep, rests, forgets);
  }

  #decide(now: number, other: Other): void {
    const { call, idText } = other;
    if (call) {
      if (other.neededAt < Infinity && now >= other.wantedAt + keepMs) {
        other.wantedAt = now;
        this.#ports.tell(idText, { type: 'want', call: call.number, servers: this.#ports.servers() });
      }
      if (!call.open || now < Math.max(other.restingAt + restMs, other.wishedUntil)) return;
      this.#ports.tell(idText, { type: 'end', call: call.number });
      this.#over(other, 'nobody needs it', false);
      return;
    }
    const wanted = now >= this.#wantedFrom(other);
    if (this.#offersTo(idText)) {
      if (wanted || (now < other.wishedUntil && now >= other.notBefore)) this.#begin(now, other);
      return;
    }
    if (!wanted || now < other.wantedAt + wantMs) return;
    other.wantedAt = now;
    this.#ports.tell(idText, { type: 'want', call: 0, servers: this.#ports.servers() });
  }

  #begin(now: number, other: Other): void {
    if (this.#count >= maxCalls) {
      other.notBefore = now + firstPauseMs;
      return;
    }
    const number = Math.floor(this.#ports.env.random.unit() * 0xffff_ffff) + 1;
    this.#ports.log(other.idText, 'webrtc', 'calling');
    other.wantedAt = -Infinity;
    other.call = this.#call(number, true, other);
  }

  /** An offer of a call that we do not know. False: it is not answered now. */
  #answers(now: number, id: Uint8Array, idText: string, { call, servers }: Offer): boolean {
    const known = this.#others.get(idText);
    if (!known?.call && this.#count >= maxCalls) return false;
    if (!this.#memberOffers.take(idText, now) || !this.#offers.take(1, now)) return false;
    const other = this.#other(id, idText);
    if (other.call) this.#over(other, 'the other side calls anew', false);
    this.#ports.log(idText, 'webrtc', 'called');
    other.servers = servers;
    other.call = this.#call(call, false, other);
    return true;
  }

  get #count(): number {
    let count = 0;
    for (const { call } of this.#others.values()) if (call) count++;
    return count;
  }

  #call(number: number, offers: boolean, other: Other): Call {
    const ports = this.#ports;
    const call: Call = new Call(number, offers, {
      clock: ports.env.clock,
      connect: (listener) => ports.connect(offers, inTurn(other.servers, other.failures), listener),
      servers: () => ports.servers(),
      usable: (candidate, own) => ports.usable(candidate, own),
      input: (deed) => {
        ports.input(deed);
      },
      tell: (message) => {
        ports.tell(other.idText, message);
      },
      opened: (how) => {
        this.#unserved = false;
        ports.log(other.idText, 'webrtc', `open: ${how}`);
        ports.changed();
      },
      packet: (packet) => {
        other.gathering.add(packet);
      },
      over: (reason) => {
        if (other.call !== call) return;
        if (call.openMs(ports.env.clock.now()) === 0) this.#unserved = !call.served;
        this.#over(other, reason, true);
      },
    });
    return call;
  }

  /** @param pauses unless it stood for long, the next is made later than this one: whoever ends it could have us call without end */
  #over(other: Other, reason: string, pauses: boolean): void {
    const { call } = other;
    if (!call) return;
    const now = this.#ports.env.clock.now();
    const open = call.open || call.openMs(now) > 0;
    if (pauses && call.openMs(now) < stoodMs) other.failures++;
    else other.failures = 0;
    const pause = firstPauseMs * 2 ** Math.max(0, other.failures - 1);
    other.notBefore = now + Math.min(pause, longestPauseMs);
    other.call = undefined;
    call.close();
    this.#ports.log(other.idText, 'webrtc', `over: ${reason}`);
    if (open) this.#ports.changed();
  }
}
