/**
 * Ways between members of whom one (or both, where that is asked for) is behind a NAT that draws a port at random for each
 * destination, and the other behind one that lets in only what it sent to. Who draws at random opens many ports (fan.ts), and the
 * other sends to random ones: with a few hundred of each, two meet as birthdays do (draw.ts). For who opened them the way is a
 * carrier with a hole in the data plane; for the other it is a direct path like any.
 *
 * Packets go to an address that the member itself offered, sealed, and at which a relay sees this member; both are asked for. Against who can send
 * from another's address, or has a relay lie, that is no proof: so one try at a time, few a minute, each of so many packets.
 */
import type { HoleRoute } from '../../dataplane/plane/plane.js';
import { holeLimit } from '../../dataplane/plane/shared.js';
import { sameEndpoint, type Endpoint } from '../../lib/endpoint.js';
import type { Env } from '../../lib/env.js';
import { SourceLimiter } from '../../lib/source-limiter.js';
import { TokenBucket } from '../../lib/token-bucket.js';
import type { RelayChoice } from '../../path/path.js';
import { markLength, type BirthdayMessage } from '../../wire/birthday.js';
import type { NatFacts } from '../../wire/nat.js';
import type { Carrier, Carriers } from '../carrier.js';
import { Gathering } from '../webrtc/gathering.js';
import { packetsOfOne, socketCount, Spray } from './draw.js';
import { Fan, type FanSockets, type OpenHole, type OpenWay } from './fan.js';

/** So long what needs no luck has time, ms. */
const patienceMs = 1_500;
/** The other side answers by then that it takes part, ms. */
const answerMs = 3_000;
/** After a try that failed, the next is made so much later, twice as much each time, ms; and after a way that died. */
const firstPauseMs = 30_000;
const longestPauseMs = 3_600_000;
const diedPauseMs = 2_000;
/** Tries of others that we take part in: of all, and of one member. */
const partsPerSecond = 1 / 15;
const partsAtOnce = 4;
const memberPartsPerSecond = 1 / 30;
const memberPartsAtOnce = 2;
const memberLimit = 1_024;
/** Of all at one address at which a member has answered, which is often one NAT for many members: so many times as much. */
const provenTimes = 10;
/** Who asks while we are busy waits for its turn, so many of them. */
const waitingLimit = 32;
/** Its ports are open for so long that there is time to hit one; later it is told to open them again, one member in so long, ms. */
const openForMs = 2_000;
const recallEveryMs = 800;

/** A member as it is now. */
export interface Celebrant {
  readonly id: Uint8Array;
  readonly idText: string;
  /** There is a session with it, and no direct path that was found by other means. */
  readonly apart: boolean;
  readonly nat: NatFacts | undefined;
  /** Outside IPv4 addresses that it offered. */
  readonly outside: readonly Endpoint[];
}

export interface BirthdaysPorts {
  readonly env: Env;
  /** Own node id, hexadecimal. */
  readonly idText: string;
  readonly carriers: Carriers;
  readonly sockets: FanSockets;
  /** Has the data plane take a socket over. Undefined: it cannot. */
  hole(socket: number, route: Omit<HoleRoute, 'fd'>): OpenHole | undefined;
  /** True: it is tried, too, where both draw at random. */
  readonly both: boolean;
  /** Ours: what our NAT does, and our outside IPv4 addresses. */
  nat(): NatFacts;
  outside(): readonly Endpoint[];
  member(idText: string): Celebrant | undefined;
  /** Whether a relay sees this member at this address, by UDP. */
  placed(idText: string, host: string): Promise<boolean>;
  /** Whether a member has answered at this address. */
  proven(host: string): boolean;
  /** Sends a sealed packet to an endpoint that may be the member's. */
  strike(idText: string, endpoint: Endpoint): void;
  tell(idText: string, message: BirthdayMessage): void;
  /** For the member's decision log. */
  log(idText: string, detail: string): void;
  /** Ways came or went. */
  changed(): void;
  input(deed: () => void): void;
}

/** What is kept of a member that something is tried with. */
interface Other {
  readonly id: Uint8Array;
  readonly idText: string;
  readonly gathering: Gathering;
  /** Since when there is no direct path; Infinity: there is. */
  apartAt: number;
  failures: number;
  notBefore: number;
  round: number;
  fan: Fan | undefined;
  /** The try may be made again at once where the other side says that its turn has come; that was made so. */
  recallable: boolean;
  recalled: boolean;
  /** We asked it to take part, and wait for its word. */
  wanted: { readonly host: string; readonly mark: Uint8Array; readonly until: number } | undefined;
}

type Holes = Extract<BirthdayMessage, { type: 'holes' }>;

const drawsAtRandom = (nat: NatFacts): boolean => /^address-/.test(nat.mapping) && nat.ports === 'random';
const hasOnePort = ({ mapping, filtering }: NatFacts): boolean =>
  (mapping === 'endpoint-independent' || mapping === 'none') && filtering === 'address-and-port-dependent';

export class Birthdays implements Carrier {
  readonly kind = 'birthday';
  readonly holes = true;
  readonly id: number;
  readonly #ports: BirthdaysPorts;
  readonly #others = new Map<string, Other>();
  readonly #parts: TokenBucket;
  readonly #memberParts = new SourceLimiter(memberPartsPerSecond, memberPartsAtOnce, memberLimit);
  readonly #provenParts = new SourceLimiter(
    provenTimes * partsPerSecond,
    provenTimes * partsAtOnce,
    memberLimit,
  );
  /** Whose ports wait for packets of ours, the first first. */
  readonly #waiting = new Map<string, { readonly asked: Holes; readonly at: number }>();
  #recalledAt = -Infinity;
  /** What we send to random ports of one member's NAT, from our data socket. */
  #strike:
    { readonly idText: string; readonly round: number; readonly host: string; spray: Spray } | undefined;
  #asking = false;
  #socket = 0;

  constructor(ports: BirthdaysPorts) {
    this.#ports = ports;
    this.#parts = new TokenBucket(partsPerSecond, partsAtOnce, ports.env.clock.now());
    this.id = ports.carriers.add(this);
  }

  /** It can be of use with anybody. */
  get able(): boolean {
    return drawsAtRandom(this.#ports.nat());
  }

  get dueAt(): number {
    let at = this.#strike?.spray.dueAt ?? Infinity;
    for (const { fan, wanted } of this.#others.values())
      at = Math.min(at, fan?.dueAt ?? Infinity, wanted?.until ?? Infinity);
    return at;
  }

  /** The way to a member by a port that was hit. */
  way(idText: string): RelayChoice | undefined {
    const other = this.#others.get(idText);
    if (!other?.fan?.open) return undefined;
    const path = { kind: 'carrier', carrier: this.id, destination: other.id } as const;
    return { path, label: other.fan.label, kind: 'direct' };
  }

  /** For the process that goes on with it. */
  standing(idText: string): OpenWay | undefined {
    return this.#others.get(idText)?.fan?.way;
  }

  /** Goes on with a way that the process before had. */
  adopt(now: number, member: Pick<Celebrant, 'id' | 'idText'>, way: OpenWay): void {
    const other = this.#other(member);
    other.apartAt = now;
    other.fan = this.#fan(now, other, way.endpoint, this.#mark(), undefined, way);
  }

  /** Begins what makes sense with this member now. */
  consider(now: number, member: Celebrant): void {
    const known = this.#others.get(member.idText);
    if (!member.apart) {
      if (known) this.#drop(known);
      return;
    }
    const other = known ?? this.#other(member);
    other.apartAt = Math.min(other.apartAt, now);
    if (other.fan ?? other.wanted ?? this.#busy) return;
    if (now < Math.max(other.apartAt + patienceMs, other.notBefore)) return;
    const how = this.#plan(member);
    const [towards] = member.outside;
    if (how && towards) this.#check(other, towards, how);
  }

  receive(now: number, idText: string, message: BirthdayMessage): void {
    const other = this.#others.get(idText);
    if (message.type === 'end') {
      if (this.#strike?.idText === idText && this.#strike.round === message.round) this.#strike = undefined;
      if (other?.round !== message.round || other.fan?.open === true) return;
      if (other.recallable) this.#recalled(now, other);
      else if (other.fan) this.#ended(now, other);
      return;
    }
    if (message.both && other?.wanted && other.round === message.round) {
      this.#begin(now, other, { host: other.wanted.host, port: 0 }, other.wanted.mark, message.mark);
      return;
    }
    const member = this.#ports.member(idText);
    if (!member?.apart || !this.#mayTakePart(now, member, message)) return;
    if (!message.both) {
      this.#waiting.set(idText, { asked: message, at: now });
      if (this.#busy) this.#ports.log(idText, 'asked for; another is first');
      this.#serve(now);
      return;
    }
    const [place] = member.outside;
    if (place && this.#mayStrike(now, place.host)) void this.#takePart(member, message, place.host);
  }

  /** A packet came to a socket of ours. */
  packet(socket: number, bytes: Uint8Array, from: Endpoint): void {
    for (const other of this.#others.values()) {
      const { fan } = other;
      if (!fan?.has(socket)) continue;
      const before = fan.open;
      if (fan.received(socket, bytes, from)) other.gathering.add(bytes);
      if (fan.open && !before) this.#opened(other);
      return;
    }
  }

  /** There is no hole, yet or any more. */
  send(): void {
    return;
  }

  heard(idText: string): boolean {
    const other = this.#others.get(idText);
    if (other?.fan?.heard() !== true) return false;
    this.#opened(other);
    return true;
  }

  tick(now: number): void {
    const strike = this.#strike;
    if (strike) {
      const { idText, host, spray } = strike;
      if (spray.over || this.#ports.member(idText)?.apart !== true) this.#strike = undefined;
      else
        spray.tick(now, (port) => {
          this.#ports.strike(idText, { host, port });
        });
    }
    for (const other of [...this.#others.values()]) {
      const { fan } = other;
      const stood = fan?.open === true;
      fan?.tick(now);
      if (fan?.over === true) {
        if (stood) this.#died(now, other);
        else this.#ended(now, other);
      }
      if (other.wanted && now >= other.wanted.until) this.#failed(now, other, 'it does not take part');
    }
    this.#serve(now);
  }

  /** The member is none any more. */
  forget(idText: string): void {
    const other = this.#others.get(idText);
    if (other) this.#drop(other);
    this.#waiting.delete(idText);
    if (this.#strike?.idText === idText) this.#strike = undefined;
  }

  /** Ends all of it. */
  close(): void {
    for (const other of [...this.#others.values()]) this.#drop(other);
    this.#strike = undefined;
    this.#waiting.clear();
    this.#ports.carriers.remove(this.id);
  }

  /** One try at a time. */
  get #busy(): boolean {
    if (this.#asking || this.#strike) return true;
    let open = 0;
    for (const { fan, wanted } of this.#others.values()) {
      if (wanted ?? (fan && !fan.open)) return true;
      if (fan) open++;
    }
    return open >= holeLimit;
  }

  #plan({ idText, nat }: Celebrant): 'one' | 'both' | undefined {
    const { both, idText: ownId } = this.#ports;
    if (!nat || !this.able) return undefined;
    if (hasOnePort(nat)) return 'one';
    return both && ownId < idText && drawsAtRandom(nat) ? 'both' : undefined;
  }

  /** Begins with who a relay sees where it says that it is. */
  #check(other: Other, towards: Endpoint, how: 'one' | 'both'): void {
    const { env } = this.#ports;
    const { idText } = other;
    this.#asking = true;
    void this.#ports.placed(idText, towards.host).then((placed) => {
      this.#ports.input(() => {
        this.#asking = false;
        const now = env.clock.now();
        if (this.#others.get(idText) !== other || this.#ports.member(idText)?.apart !== true) return;
        other.round = Math.floor(env.random.unit() * 0xffff_ffff);
        if (!placed) this.#failed(now, other, `no relay of ours sees it at ${towards.host}`);
        else if (how === 'one') this.#begin(now, other, towards, this.#mark(), undefined);
        else this.#want(now, other, towards.host);
      });
    });
  }

  #want(now: number, other: Other, host: string): void {
    const mark = this.#mark();
    other.wanted = { host, mark, until: now + answerMs };
    this.#tellHoles(other, true, { host, port: 0 }, mark);
  }

  /** @param theirs what the peer reads, where both draw at random */
  #begin(
    now: number,
    other: Other,
    towards: Endpoint,
    mark: Uint8Array,
    theirs: Uint8Array | undefined,
  ): void {
    other.wanted = undefined;
    other.recallable = !theirs && !other.recalled;
    other.recalled = false;
    other.fan = this.#fan(now, other, towards, mark, theirs);
    const { host } = towards;
    if (theirs) this.#ports.log(other.idText, `${socketCount} ports of ours and random ones of ${host}`);
    else {
      this.#ports.log(other.idText, `${socketCount} ports are opened towards ${other.fan.label}`);
      this.#tellHoles(other, false, towards, mark);
    }
  }

  #fan(
    now: number,
    { id }: Other,
    towards: Endpoint,
    mark: Uint8Array,
    theirs: Uint8Array | undefined,
    way?: OpenWay,
  ): Fan {
    const { sockets, env } = this.#ports;
    const first = this.#socket;
    this.#socket += socketCount;
    const hole = (socket: number, endpoint: Endpoint): OpenHole | undefined =>
      this.#ports.hole(socket, { carrier: this.id, destination: id, endpoint });
    return new Fan(now, { sockets, random: env.random, first, towards, mark, theirs, hole }, way);
  }

  #tellHoles({ idText, round }: Other, both: boolean, towards: Endpoint, mark: Uint8Array): void {
    this.#ports.tell(idText, { type: 'holes', round, both, towards, mark });
  }

  #mark(): Uint8Array {
    return this.#ports.env.random.fill(new Uint8Array(markLength));
  }

  #mayTakePart(now: number, { idText, nat }: Celebrant, { both, towards }: Holes): boolean {
    if (both) {
      if (this.#busy || !this.#ports.both || !this.able || !nat || !drawsAtRandom(nat)) return false;
    } else if (!this.#ports.outside().some((own) => sameEndpoint(own, towards))) return false;
    else if (this.#waiting.size >= waitingLimit && !this.#waiting.has(idText)) return false;
    return this.#memberParts.take(idText, now);
  }

  /** One try more of others may be taken part in, and is counted. */
  #mayStrike(now: number, host: string): boolean {
    return this.#ports.proven(host) ? this.#provenParts.take(host, now) : this.#parts.take(1, now);
  }

  /** Takes part with the first who waits and whose ports are open. Where there is none, the first is told to open them again. */
  #serve(now: number): void {
    let closed: string | undefined;
    for (const [idText, { asked, at }] of this.#waiting) {
      const member = this.#ports.member(idText);
      const host = member?.apart === true ? member.outside[0]?.host : undefined;
      if (!member || host === undefined) this.#waiting.delete(idText);
      else if (now >= at + openForMs) closed ??= idText;
      else if (this.#busy) return;
      else if (this.#mayStrike(now, host)) {
        this.#waiting.delete(idText);
        void this.#takePart(member, asked, host);
        return;
      }
    }
    if (closed === undefined || now < this.#recalledAt + recallEveryMs) return;
    this.#recalledAt = now;
    const round = this.#waiting.get(closed)?.asked.round ?? 0;
    this.#waiting.delete(closed);
    this.#ports.tell(closed, { type: 'end', round });
  }

  async #takePart(member: Celebrant, { both, round, mark: theirs }: Holes, host: string): Promise<void> {
    const { idText } = member;
    const { env } = this.#ports;
    this.#asking = true;
    const placed = await this.#ports.placed(idText, host);
    this.#ports.input(() => {
      this.#asking = false;
      const now = env.clock.now();
      if (this.#ports.member(idText)?.apart !== true) return;
      if (!placed) {
        this.#ports.log(idText, `asked for; no relay of ours sees it at ${host}`);
        return;
      }
      if (!both) {
        this.#ports.log(idText, `it opened ports: up to ${packetsOfOne} packets to random ones of ${host}`);
        this.#strike = { idText, round, host, spray: new Spray(env.random, packetsOfOne, now) };
        return;
      }
      const other = this.#others.get(idText) ?? this.#other(member);
      if (other.fan) return;
      other.round = round;
      const mark = this.#mark();
      this.#tellHoles(other, true, { host, port: 0 }, mark);
      this.#begin(now, other, { host, port: 0 }, mark, theirs);
    });
  }

  #opened(other: Other): void {
    other.failures = 0;
    this.#ports.log(other.idText, `a port was hit: ${other.fan?.label ?? ''}`);
    this.#ports.tell(other.idText, { type: 'end', round: other.round });
    this.#ports.changed();
  }

  #died(now: number, other: Other): void {
    this.#ports.log(other.idText, `${other.fan?.label ?? ''} is silent`);
    other.fan = undefined;
    other.notBefore = now + diedPauseMs;
    this.#ports.changed();
  }

  /** The other side was busy, and is not any more. It is heard once, then only after a try that was begun without its word. */
  #recalled(now: number, other: Other): void {
    other.fan?.close();
    other.fan = undefined;
    other.recallable = false;
    other.recalled = true;
    other.notBefore = now;
    this.#ports.log(other.idText, 'it was busy with others, and asks for ports again');
  }

  /** The time is up, or the other side gave up. */
  #ended(now: number, other: Other): void {
    this.#ports.tell(other.idText, { type: 'end', round: other.round });
    this.#failed(now, other, 'no port was hit');
  }

  #failed(now: number, other: Other, why: string): void {
    other.fan?.close();
    other.fan = other.wanted = undefined;
    other.notBefore = now + Math.min(firstPauseMs * 2 ** other.failures, longestPauseMs);
    other.failures++;
    this.#ports.log(other.idText, why);
  }

  #other({ id, idText }: Pick<Celebrant, 'id' | 'idText'>): Other {
    const gathering = new Gathering((batch) => {
      this.#ports.carriers.arrived(this.id, id, batch);
    });
    const other: Other = {
      id: id.slice(),
      idText,
      gathering,
      apartAt: Infinity,
      failures: 0,
      notBefore: -Infinity,
      round: 0,
      fan: undefined,
      recallable: false,
      recalled: false,
      wanted: undefined,
    };
    this.#others.set(idText, other);
    return other;
  }

  #drop(other: Other): void {
    other.fan?.close();
    other.gathering.stop();
    this.#others.delete(other.idText);
  }
}
