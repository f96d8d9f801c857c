/**
 * Multicast without flooding everybody: a copy goes only where a member wants the group (RFC 4541, on a ring).
 *
 *   own host ── reports ──▶ LocalGroups ── announcement, flooded ──▶ GroupTable of every other member
 *   frame to a group: each link gets a copy only when a member that wants the group is on the arc that the link covers
 *
 * The node is a quiet querier towards its own host, so that the host repeats what it wants. A member announces what it
 * wants when that changes and every two minutes; one that wants nothing costs nothing. Who has just come asks a link
 * for what it missed, and prunes nothing until it may know. Leaves are not on the arcs: their anchors want for them.
 *
 * A machine: it is told the time, and acts through its ports. `aim`, and what it chooses, allocate nothing.
 */
import {
  Audience,
  audienceOf,
  groupKey,
  queryCapacity,
  writeIgmpQuery,
  writeMldQuery,
} from '../wire/membership.js';
import {
  encodeAnnounce,
  encodeAsk,
  encodeTable,
  equalWanted,
  everything,
  nothing,
  parseGroups,
  wantedLimit,
  type TableEntry,
  type Wanted,
} from '../wire/groups.js';
import { TokenBuckets } from '../lib/token-bucket.js';
import { LocalGroups } from './group-listener.js';
import { announcementMs, GroupTable } from './group-table.js';

/** For so long after the start, and after the first link, nothing is pruned for want of knowledge. */
export const settleMs = 10_000;
const queryEveryMs = 125_000;
/** The second query: by then the addresses of the interface are no longer tentative (RFC 4862 section 5.4). */
const secondQueryMs = 3_000;
const answerWithinMs = 1_000;
const announceEveryMs = 110_000;
/** Refreshes of many members that started at one moment spread over this. */
const announceSpreadMs = 20_000;
const announceGapMs = 1_000;
/** A new announcement is repeated after these, for what may be lost or too early; the last comes first. */
const repeatMs = [4_000, 1_000];
const askAgainMs = 2_000;
/** A new link is asked this often, for announcements that were lost. */
const askEveryMs = 60_000;
const expireEveryMs = 10_000;
/** One member gets the table this often; all together get so many tables. */
const answerEveryMs = 5_000;
const answersPerSecond = 2;
const answersBurst = 16;
/** Announcements taken in: more than a network of a thousand that starts at once makes. */
const announcesPerSecond = 500;
const announcesBurst = 4_000;

export interface MulticastPorts {
  /** Floods a plaintext, kind byte included, to every member. */
  flood(plaintext: Uint8Array): void;
  /** Seals it for one link. */
  send(slot: number, plaintext: Uint8Array): void;
  /** Writes a frame to the own host. */
  toHost(frame: Uint8Array): void;
}

export interface MulticastOptions {
  /** Own position on the ring. */
  readonly position: number;
  /** Own MAC, 6 bytes. */
  readonly mac: Uint8Array;
  /** Other machines are bridged behind this node: it wants everything. */
  readonly bridge: boolean;
  readonly leaf: boolean;
}

export interface MulticastLink {
  readonly slot: number;
  readonly position: number;
  /** `copy`: a leaf that we anchor, or a member that has not found its place on the ring yet. */
  readonly flood: 'range' | 'copy' | 'none';
}

/** What a link told for itself alone: meant for its anchor. */
interface Told {
  readonly wanted: Wanted;
  readonly heard: number;
}

/** A link that gets its copies from us alone. */
interface Leaf {
  readonly slot: number;
  readonly position: number;
  readonly since: number;
}

export class Multicast {
  readonly #options: MulticastOptions;
  readonly #ports: MulticastPorts;
  readonly #local = new LocalGroups();
  readonly #table: GroupTable;
  readonly #querier: Uint8Array;
  #links: readonly MulticastLink[] = [];
  #leaves: readonly Leaf[] = [];
  readonly #told = new Map<number, Told>();
  readonly #answered = new Map<number, number>();
  readonly #answers = new TokenBuckets(1, answersPerSecond, answersBurst);
  readonly #announces = new TokenBuckets(1, announcesPerSecond, announcesBurst);

  #startedAt = Infinity;
  #linkedAt = Infinity;
  #queryAt = -Infinity;
  #queries = 0;
  #said: Wanted = nothing;
  #saidAt = -Infinity;
  #sayAt = Infinity;
  #repeats = 0;
  #askAt = Infinity;
  #askedAt = -Infinity;
  #asks = 0;
  #asked = -1;
  #expireAt = -Infinity;

  /** The frame that `aim` looked at last. */
  #everybody = true;
  #key = 0;
  #now = 0;
  /** It is a membership report. */
  isReport = false;
  /** The own host should get it. */
  host = true;

  constructor(options: MulticastOptions, ports: MulticastPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#table = new GroupTable(options.position);
    // Not our own address, which a reverse path filter of the host would take for a lie.
    this.#querier = options.mac.slice();
    this.#querier[0] = (this.#querier[0] as number) ^ 4;
  }

  /** Looks at a frame to a group MAC: `reaches` and `host` answer for it. False when no other member wants it. */
  aim(view: DataView, at: number, length: number, now: number): boolean {
    const audience = audienceOf(view, at, length);
    const { bridge } = this.#options;
    this.#now = now;
    this.isReport = audience === Audience.report;
    this.#everybody = this.host = true;
    if (audience === Audience.all) return true;
    if (audience === Audience.report) {
      this.#everybody = false;
      this.host = bridge;
      this.#key = 0;
      this.#table.selectAll();
    } else {
      const key = groupKey(view, at);
      this.#everybody = now - this.#linkedAt < settleMs || this.#linkedAt === Infinity || this.#table.crowded;
      this.host = bridge || now - this.#startedAt < settleMs || this.#local.crowded || this.#local.has(key);
      this.#key = key;
      this.#table.select(key);
    }
    if (this.#everybody || this.#table.anybody) return true;
    for (let i = 0; i < this.#leaves.length; i++) if (this.#leafWants(this.#leaves[i] as Leaf)) return true;
    return false;
  }

  /** `aim` for a frame of the own host, whose reports are taken in. */
  fromHost(view: DataView, at: number, length: number, now: number): boolean {
    const wanted = this.aim(view, at, length, now);
    if (this.isReport && !this.#options.bridge) {
      this.#local.listen(view, at, length, now, !this.#isOwn(view, at));
      if (this.#local.changed) this.#changed(now);
    }
    return wanted;
  }

  /** The host itself sent it, and no pod behind it. */
  #isOwn(view: DataView, at: number): boolean {
    const { mac } = this.#options;
    for (let i = 0; i < 6; i++) if (view.getUint8(at + 6 + i) !== mac[i]) return false;
    return true;
  }

  /** What is flooded next is for everybody, whatever it is. */
  aimAtAll(): void {
    this.#everybody = true;
  }

  /**
   * True when the link in `slot` should get the frame: somebody on the arc from `from` (included) clockwise to `to`
   * wants it. A negative `from`: the link is a leaf that we anchor, and wants it itself.
   */
  reaches(slot: number, from: number, to: number): boolean {
    if (this.#everybody) return true;
    return from < 0 ? this.#reachesLeaf(slot) : this.#table.meets(from, to);
  }

  #reachesLeaf(slot: number): boolean {
    for (let i = 0; i < this.#leaves.length; i++) {
      const leaf = this.#leaves[i] as Leaf;
      if (leaf.slot === slot) return this.#leafWants(leaf);
    }
    return false;
  }

  #leafWants(leaf: Leaf): boolean {
    const wanted = this.#wantedBy(leaf);
    if (wanted === undefined) return !this.isReport && this.#now - leaf.since < settleMs;
    return wanted.all || (!this.isReport && includes(wanted.keys, this.#key));
  }

  /** A leaf tells its links, a member of the ring everybody. */
  #wantedBy(leaf: Leaf): Wanted | undefined {
    return this.#told.get(leaf.slot)?.wanted ?? this.#table.get(leaf.position);
  }

  /** The links changed. */
  setLinks(links: readonly MulticastLink[], now: number): void {
    const before = new Set(this.#links.map((link) => link.slot));
    const since = new Map(this.#leaves.map((leaf) => [leaf.slot, leaf.since]));
    this.#links = links;
    this.#leaves = links
      .filter((link) => link.flood === 'copy')
      .map(({ slot, position }) => ({ slot, position, since: since.get(slot) ?? now }));
    if (links.length === 0) {
      this.#linkedAt = this.#askAt = Infinity;
      return;
    }
    const fresh = links.filter((link) => !before.has(link.slot) && link.flood !== 'copy');
    if (this.#linkedAt === Infinity) {
      this.#linkedAt = this.#askAt = now;
      this.#say(now);
    } else {
      if (fresh[0] && now - this.#askedAt >= askEveryMs) this.#ask(fresh[0].slot, now);
      if (fresh[0] && this.#options.leaf) this.#say(now);
    }
    this.#changed(now);
  }

  /** The peer in this slot is gone. */
  forget(slot: number): void {
    this.#told.delete(slot);
    this.#answered.delete(slot);
  }

  /** A groups message of the peer in `slot`, without its kind byte. False when it is malformed. */
  received(slot: number, bytes: Uint8Array, now: number): boolean {
    const message = parseGroups(bytes);
    switch (message?.type) {
      case 'announce':
        this.#told.set(slot, { wanted: message.wanted, heard: now });
        this.#changed(now);
        return true;
      case 'ask':
        this.#answer(slot, now);
        return true;
      case 'table':
        if (slot !== this.#asked) return true;
        // What a member said itself counts more than what others remember.
        for (const { position, ageSeconds, wanted } of message.entries) {
          if (ageSeconds * 1_000 < announcementMs && !this.#table.get(position))
            this.#table.set(position, wanted, now - ageSeconds * 1_000);
        }
        if (message.last) this.#askAt = Infinity;
        return true;
      case undefined:
        return false;
    }
  }

  /** The groups message in a flood of the member at `position`, without its kind byte. False when it is malformed. */
  announced(position: number, bytes: Uint8Array, now: number): boolean {
    if (!this.#announces.take(0, 1, now)) return true;
    const message = parseGroups(bytes);
    if (message?.type !== 'announce') return false;
    this.#table.set(position, message.wanted, now);
    if (this.#leaves.length > 0) this.#changed(now);
    return true;
  }

  /** Does what is due. Returns when it wants to be called again at the latest. */
  tick(now: number): number {
    if (this.#startedAt === Infinity) this.#startedAt = now;
    if (now >= this.#expireAt) {
      this.#expireAt = now + expireEveryMs;
      this.#local.expire(now);
      this.#table.expire(now);
      for (const [slot, { heard }] of this.#told) if (now - heard > announcementMs) this.#told.delete(slot);
      this.#changed(now);
    }
    if (now >= this.#queryAt) this.#query(now);
    if (now >= this.#askAt) this.#askSomebody(now);
    if (now >= this.#sayAt && this.#links.length > 0) this.#announce(now);
    return Math.min(this.#queryAt, this.#askAt, this.#links.length > 0 ? this.#sayAt : Infinity);
  }

  /** What this node wants: for its host, and for the leaves that it anchors. */
  #own(): Wanted {
    if (this.#options.bridge || this.#local.crowded) return everything;
    const keys = new Set(this.#local.keys());
    for (const leaf of this.#leaves) {
      const wanted = this.#wantedBy(leaf);
      if (wanted?.all) return everything;
      for (const key of wanted?.keys ?? []) keys.add(key);
    }
    if (keys.size === 0) return nothing;
    return keys.size > wantedLimit ? everything : { all: false, keys: Int32Array.from(keys).sort() };
  }

  /** Something that goes into `#own` may be new. */
  #changed(now: number): void {
    this.#local.changed = false;
    if (!equalWanted(this.#own(), this.#said)) this.#say(now);
  }

  #say(now: number): void {
    this.#repeats = repeatMs.length;
    this.#sayAt = Math.min(this.#sayAt, Math.max(now, this.#saidAt + announceGapMs));
  }

  #announce(now: number): void {
    const own = this.#own();
    const idle = own === nothing && this.#said === nothing;
    this.#said = own;
    if (idle && this.#saidAt === -Infinity) {
      this.#sayAt = Infinity;
      return;
    }
    this.#saidAt = now;
    const plaintext = encodeAnnounce(own);
    if (this.#options.leaf) for (const { slot } of this.#links) this.#ports.send(slot, plaintext);
    else this.#ports.flood(plaintext);
    if (this.#repeats > 0) this.#sayAt = now + (repeatMs[--this.#repeats] as number);
    else if (own === nothing) this.#sayAt = Infinity;
    else this.#sayAt = now + announceEveryMs + (this.#options.position % announceSpreadMs);
  }

  #query(now: number): void {
    this.#queryAt = now + (this.#queries++ === 0 ? secondQueryMs : queryEveryMs);
    if (this.#options.bridge) return;
    for (const write of [writeIgmpQuery, writeMldQuery]) {
      const frame = new Uint8Array(queryCapacity);
      const length = write(new DataView(frame.buffer), 0, this.#querier, answerWithinMs);
      this.#ports.toHost(frame.subarray(0, length));
    }
  }

  #askSomebody(now: number): void {
    const others = this.#links.filter((link) => link.flood !== 'copy');
    this.#askAt = now - this.#linkedAt < settleMs ? now + askAgainMs : Infinity;
    const link = others[this.#asks++ % Math.max(1, others.length)];
    if (link) this.#ask(link.slot, now);
  }

  #ask(slot: number, now: number): void {
    this.#askedAt = now;
    this.#asked = slot;
    this.#ports.send(slot, encodeAsk());
  }

  #answer(slot: number, now: number): void {
    if (now - (this.#answered.get(slot) ?? -Infinity) < answerEveryMs || !this.#answers.take(0, 1, now))
      return;
    this.#answered.set(slot, now);
    const entries: TableEntry[] = [];
    const own = this.#own();
    if (own !== nothing && !this.#options.leaf)
      entries.push({ position: this.#options.position, ageSeconds: 0, wanted: own });
    for (const { position, wanted, heard } of this.#table.entries())
      entries.push({ position, ageSeconds: (now - heard) / 1_000, wanted });
    for (const packet of encodeTable(entries)) this.#ports.send(slot, packet);
  }
}

/** Binary search in ascending keys. */
function includes(keys: Int32Array, key: number): boolean {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as number) < key) low = middle + 1;
    else high = middle;
  }
  return keys[low] === key;
}
