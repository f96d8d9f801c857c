/**
 * Broadcasts, multicasts and frames for unknown addresses on their way around the ring (kind 0x21 of wire/packet.ts,
 * switch/bounded-flood.ts): sends our own, judges those of others, and passes them on.
 *
 * Who passes a flood on can read it and could change it: a broadcast is for every member anyway. What a flood says of its
 * origin is therefore a claim of the link that it came by. It is held against the inner source address, and moves no
 * entry of the forwarding database, unless the link is the origin.
 */
import { FloodCache } from '../../switch/flood-cache.js';
import { TokenBuckets } from '../../lib/token-bucket.js';
import { Verdict, type GuardSubject } from '../../switch/guard.js';
import { positionOf, ringSize } from '../../topology/position.js';
import { ethernetHeaderLength, macHigh, macLow } from '../../wire/ethernet.js';
import { macHighOf } from '../../wire/node-mac.js';
import { checksumFieldOffset, locateTransport } from '../../wire/ip.js';
import { FloodFlag, floodHeaderLength, floodTtl, Kind, nodeIdLength } from '../../wire/packet.js';
import type { LoopContext } from './context.js';
import type { Sealer } from '../keys/seal.js';
import { DeviceField, drop, Drop, peerLimit } from '../plane/shared.js';
import type { PeerEntry } from './table.js';
import { dropOf } from './verdict.js';

/** Kind byte and header in front of the inner plaintext. */
export const floodPrefix = 1 + floodHeaderLength;
/** Where in the header, from ttl on. */
const flagsAt = 1;
const originAt = 2;
const sequenceAt = originAt + nodeIdLength;
const boundAt = sequenceAt + 4;

/** Floods one origin may cause: plenty for multicast streams, little for a storm. */
const floodsPerSecond = 4_000;
const floodBurst = 8_000;
/** Buckets that origins share by chance; bucket 0 is our own. */
const originBuckets = 4_096;
/** Floods that one link may bring, whatever origins it names. */
const linkFloodsPerSecond = 4 * floodsPerSecond;
const linkFloodBurst = 4 * floodBurst;

/** What became of a flood that came in. */
export const Flooded = { dropped: 0, passed: 1, deliver: 2 } as const;
export type Flooded = (typeof Flooded)[keyof typeof Flooded];

export class Broadcast {
  /** Of the flood that `take` said is to be delivered: its origin when that is a peer, frame, length, and its checksum. */
  origin: PeerEntry | null = null;
  frame = 0;
  length = 0;
  checksumStart = 0;
  checksumOffset = 0;
  /** What `locateTransport` found, for frames of kind 0x01; else 0. */
  transport = 0;
  readonly #c: LoopContext;
  readonly #sealer: Sealer;
  readonly #self: number;
  readonly #seen = new FloodCache();
  readonly #perOrigin = new TokenBuckets(originBuckets, floodsPerSecond, floodBurst);
  readonly #perLink = new TokenBuckets(peerLimit, linkFloodsPerSecond, linkFloodBurst);
  readonly #stranger: { macHigh: number; macLow: number; ip: number; readonly bridge: false };
  #sequence: number;

  constructor(context: LoopContext, sealer: Sealer) {
    this.#c = context;
    this.#sealer = sealer;
    this.#self = positionOf(context.options.nodeId);
    this.#stranger = { macHigh: 0, macLow: 0, ip: 0, bridge: false };
    this.#sequence = context.options.floodSequence | 0;
  }

  /** True when anybody would get a copy of our own. */
  get possible(): boolean {
    const { links, options } = this.#c;
    return options.leaf ? links.anchor >= 0 : links.flood.size > 0;
  }

  /** True when the origin of unicast packets with a group address may go on: they count as its floods. */
  admits(peer: PeerEntry): boolean {
    return this.#perOrigin.take(bucketOf(peer.position), 1, this.#c.now);
  }

  /** Floods a plaintext to where `multicast` aims. `floodPrefix` bytes in front of it are overwritten. False when we flood too often. */
  send(plain: number, length: number): boolean {
    const c = this.#c;
    const { view, u8 } = c.arena;
    if (!this.#perOrigin.take(0, 1, c.now)) {
      drop(c.shared, Drop['flood-limited']);
      return false;
    }
    const header = plain - floodHeaderLength;
    u8[header - 1] = Kind.flood;
    u8[header] = floodTtl;
    u8.copyWithin(header + originAt, c.self, c.self + nodeIdLength);
    this.#sequence = (this.#sequence + 1) | 0;
    view.setInt32(header + sequenceAt, this.#sequence, true);
    if (!c.options.leaf) {
      c.links.flood.begin(this.#self);
      this.#copy(header, floodHeaderLength + length, -1);
      return true;
    }
    const anchor = c.tables.peers[c.links.anchor] ?? null;
    if (anchor !== null)
      this.#copyTo(anchor, header, floodHeaderLength + length, FloodFlag.handOver, this.#self);
    return true;
  }

  /**
   * Judges the flood of `length` bytes whose header lies at `header`, and passes it on. When it says `deliver`, the frame
   * is still in its place; what is in front of it is not needed any more.
   */
  take(link: PeerEntry, header: number, length: number): Flooded {
    const c = this.#c;
    const { view, u8 } = c.arena;
    if (length < floodHeaderLength + 2) return this.#drop(Drop.short);
    if (!this.#perLink.take(link.slot, 1, c.now)) return this.#drop(Drop['flood-limited']);
    const ttl = u8[header] as number;
    if (ttl === 0) return this.#drop(Drop['hops-exceeded']);
    const flags = u8[header + flagsAt] as number;
    const handOver = (flags & FloodFlag.handOver) !== 0;
    const fromOrigin = this.#isId(header + originAt, link.nodeId);
    // Only a leaf of ours, and only for itself.
    if (handOver && (!fromOrigin || c.options.leaf || !c.links.anchors(link.slot)))
      return this.#drop(Drop['malformed-frame']);
    const position = positionOf(u8, header + originAt);
    const own = this.#isId(header + originAt, c.options.nodeId);
    if (own || this.#seen.seen(position, view.getInt32(header + sequenceAt, true)))
      return this.#drop(Drop['flood-duplicate']);
    if (u8[header + floodHeaderLength] === Kind.groups && !handOver)
      return this.#announcement(link, header, length, position);
    if (!this.#locate(header + floodHeaderLength, length - floodHeaderLength))
      return this.#drop(Drop['malformed-frame']);
    const origin = fromOrigin ? link : this.#peerOf(header + originAt);
    const verdict = this.#judge(origin, header + originAt, fromOrigin);
    // A bridge that is no peer of ours may be one of others, and whose an address is they may know better: they judge.
    const forOthers =
      verdict === Verdict.taken ||
      (verdict === Verdict.foreignMac && this.origin === null && !this.#isOwnMac());
    if (verdict !== Verdict.pass && !forOthers) return this.#drop(dropOf(verdict));
    if (!this.#perOrigin.take(bucketOf(position), 1, c.now)) return this.#drop(Drop['flood-limited']);
    c.multicast.aim(view, this.frame, this.length, c.now);
    if (!c.options.leaf) this.#passOn(link, header, length, ttl, flags);
    if (forOthers) return this.#drop(dropOf(verdict), Flooded.passed);
    if (this.origin !== null) this.#learn(this.origin, fromOrigin);
    return c.multicast.host ? Flooded.deliver : Flooded.passed;
  }

  /** The origin says which multicast groups it wants: everybody is to know. */
  #announcement(link: PeerEntry, header: number, length: number, position: number): Flooded {
    const c = this.#c;
    const { u8 } = c.arena;
    if (!this.#perOrigin.take(bucketOf(position), 1, c.now)) return this.#drop(Drop['flood-limited']);
    const message = u8.subarray(header + floodHeaderLength + 1, header + length);
    if (!c.multicast.announced(position, message, c.now)) return this.#drop(Drop['malformed-frame']);
    c.multicast.aimAtAll();
    const ttl = u8[header] as number;
    if (!c.options.leaf) this.#passOn(link, header, length, ttl, u8[header + flagsAt] as number);
    return Flooded.passed;
  }

  #drop(reason: number, result: Flooded = Flooded.dropped): Flooded {
    drop(this.#c.shared, reason);
    return result;
  }

  /** Finds the frame in the inner plaintext. False when it is none that could be delivered. */
  #locate(plain: number, length: number): boolean {
    const { view, u8 } = this.#c.arena;
    const kind = u8[plain] as number;
    this.checksumStart = 0;
    this.checksumOffset = 0;
    this.transport = 0;
    this.frame = plain + 1;
    this.length = length - 1;
    if (kind === Kind.frame) return this.length >= ethernetHeaderLength;
    if (kind === Kind.frameChecksum) {
      const found = locateTransport(view, this.frame, this.length);
      this.transport = found;
      this.checksumStart = found >> 8;
      this.checksumOffset = checksumFieldOffset(found & 0xff);
      return found !== 0;
    }
    this.frame += 4;
    this.length -= 4;
    if (kind !== Kind.frameChecksumAt || this.length < ethernetHeaderLength) return false;
    this.checksumStart = view.getUint16(plain + 1, true);
    this.checksumOffset = view.getUint16(plain + 3, true);
    return (
      this.checksumStart >= ethernetHeaderLength &&
      this.checksumStart + this.checksumOffset + 2 <= this.length
    );
  }

  /** The peer with the id at `at`, found by the address that follows from it; null when there is none. */
  #peerOf(at: number): PeerEntry | null {
    const c = this.#c;
    const { view } = c.arena;
    const slot = c.fdb.lookup(addressHigh(view, at), macLow(view, at), c.now);
    const peer = slot < 0 ? null : (c.tables.peers[slot] ?? null);
    return peer !== null && this.#isId(at, peer.nodeId) ? peer : null;
  }

  #judge(origin: PeerEntry | null, idAt: number, fromOrigin: boolean): Verdict {
    const c = this.#c;
    const { view } = c.arena;
    this.origin = origin;
    const subject = origin ?? this.#strangerOf(idAt);
    const verdict = c.guard.judge(view, this.frame, this.length, subject, fromOrigin);
    if (verdict !== Verdict.pass) return verdict;
    if (this.#isOwnMac()) return Verdict.foreignMac;
    const field = this.checksumStart + this.checksumOffset;
    // It would be written over what the guard has seen.
    return this.checksumStart !== 0 && field < c.guard.examined ? Verdict.unreadable : Verdict.pass;
  }

  /** What is known of the member with the id at `idAt`, who is no peer. */
  #strangerOf(idAt: number): GuardSubject {
    const { arena, members } = this.#c;
    const stranger = this.#stranger;
    stranger.macHigh = addressHigh(arena.view, idAt);
    stranger.macLow = macLow(arena.view, idAt);
    const member = members.findMac(stranger.macHigh, stranger.macLow);
    stranger.ip = member < 0 ? 0 : members.ip(member);
    return stranger;
  }

  /** The inner source is our own address. */
  #isOwnMac(): boolean {
    const { arena, options } = this.#c;
    const high = macHigh(arena.view, this.frame + 6);
    return high === options.macHigh && macLow(arena.view, this.frame + 6) === options.macLow;
  }

  #learn(origin: PeerEntry, fromOrigin: boolean): void {
    const { arena, learning, now } = this.#c;
    const high = macHigh(arena.view, this.frame + 6);
    const low = macLow(arena.view, this.frame + 6);
    if (!origin.bridge || (high === origin.macHigh && low === origin.macLow)) return;
    if (fromOrigin) learning.learn(high, low, origin.slot, now);
    else learning.hear(high, low, origin.slot, now);
  }

  #passOn(link: PeerEntry, header: number, length: number, ttl: number, flags: number): void {
    const { arena, links } = this.#c;
    const { u8 } = arena;
    u8[header] = ttl - 1;
    if ((flags & FloodFlag.handOver) !== 0) {
      links.flood.begin(this.#self);
      this.#transit(this.#copy(header, length, link.slot), length);
      return;
    }
    const bound = positionOf(u8, header + boundAt);
    // An arc that ends at ourselves would be the whole ring; as a bound from others it is an empty arc.
    links.flood.begin(bound === this.#self ? (this.#self + 1) % ringSize : bound);
    let copies = this.#copy(header, length, link.slot);
    if ((flags & FloodFlag.edge) !== 0) {
      links.flood.holes(link.position);
      copies += this.#copy(header, length, link.slot);
    }
    this.#transit(copies, length);
  }

  #transit(copies: number, length: number): void {
    const { device } = this.#c.shared;
    device[DeviceField.transitPackets] = (device[DeviceField.transitPackets] as number) + copies;
    device[DeviceField.transitBytes] = (device[DeviceField.transitBytes] as number) + copies * length;
  }

  /** Copies to the links that the walk gives, but to `except`. Returns how many. */
  #copy(header: number, length: number, except: number): number {
    const { links, tables, multicast } = this.#c;
    const { flood } = links;
    let copies = 0;
    for (let slot = flood.next(); slot >= 0; slot = flood.next()) {
      const peer = slot === except ? null : (tables.peers[slot] ?? null);
      if (peer === null || !multicast.reaches(slot, flood.from, flood.bound)) continue;
      if (this.#copyTo(peer, header, length, flood.edge ? FloodFlag.edge : 0, flood.bound)) copies++;
    }
    return copies;
  }

  #copyTo(peer: PeerEntry, header: number, length: number, flags: number, bound: number): boolean {
    const { view, u8 } = this.#c.arena;
    u8[header + flagsAt] = flags;
    // The upper 52 of 64 bits.
    view.setUint32(header + boundAt, Math.floor(bound / 0x10_0000));
    view.setUint32(header + boundAt + 4, (bound % 0x10_0000) * 0x1000);
    return this.#sealer.pass(peer, header - 1, length + 1);
  }

  #isId(at: number, id: Uint8Array): boolean {
    const { u8 } = this.#c.arena;
    for (let i = 0; i < nodeIdLength; i++) if (u8[at + i] !== id[i]) return false;
    return true;
  }
}

/** First two bytes of the MAC that follows from the id at `at`. */
function addressHigh(view: DataView, at: number): number {
  return macHighOf(macHigh(view, at));
}

function bucketOf(position: number): number {
  return 1 + (position % (originBuckets - 1));
}
