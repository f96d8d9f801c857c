/**
 * Broadcasts, multicasts and frames for unknown addresses on their way around the ring (wire/flood.ts,
 * switch/bounded-flood.ts): sends our own, judges those of others, and passes them on.
 *
 *   own host ──▶ `send` ──▶ FloodOutbox, until signed ──▶ copies
 *   link ──▶ whole? (FloodParts) ──▶ origin known? (WaitingFloods) ──▶ FloodGate: genuine, new? ──▶ guard ──▶ copies, host
 *
 * Who passes a flood on can read it, and can drop it or send it astray; it cannot make one up in another's name, change one,
 * or have an old one taken again. So a flood is believed as if its origin had sent it to us alone.
 */
import { Verdict } from '../../switch/guard.js';
import { ethernetHeaderLength, macHigh, macLow } from '../../wire/ethernet.js';
import {
  FloodAt,
  floodDepth,
  FloodFlag,
  floodHeaderLength,
  partHeaderLength,
  SaidAt,
} from '../../wire/flood.js';
import { macHighOf } from '../../wire/node-mac.js';
import { checksumFieldOffset, locateTransport } from '../../wire/ip.js';
import { Kind, nodeIdLength } from '../../wire/packet.js';
import { FloodCopies } from '../flood/copies.js';
import { FloodGate, genuine } from '../flood/gate.js';
import { FloodOutbox } from '../flood/outbox.js';
import type { HeldFloods } from '../plane/held.js';
import { FloodParts } from '../flood/parts.js';
import { FloodProof } from '../flood/proof.js';
import { WaitingFloods, type WaitingFlood } from '../flood/waiting.js';
import type { LoopContext } from './context.js';
import type { Sealer } from '../keys/seal.js';
import { drop, Drop, PeerField } from '../plane/shared.js';
import type { PeerEntry } from './table.js';
import { misconduct } from './misconduct.js';
import { dropOf, isSpoof } from './verdict.js';

/** What became of a flood that came in. */
export const Flooded = { dropped: 0, passed: 1, deliver: 2 } as const;
export type Flooded = (typeof Flooded)[keyof typeof Flooded];

export class Broadcast {
  /** Of the flood that `take` said is to be delivered: its origin, frame, length, and its checksum. */
  origin: PeerEntry | null = null;
  frame = 0;
  length = 0;
  checksumStart = 0;
  checksumOffset = 0;
  /** What `locateTransport` found, for frames of kind 0x01; else 0. */
  transport = 0;
  readonly #c: LoopContext;
  readonly #proof: FloodProof;
  readonly #gate: FloodGate;
  readonly #outbox: FloodOutbox;
  readonly #parts: FloodParts;
  readonly #copies: FloodCopies;
  readonly #waiting = new WaitingFloods();

  constructor(context: LoopContext, sealer: Sealer) {
    const { arena, options, uplink, self, now } = context;
    this.#c = context;
    this.#proof = new FloodProof(arena, options.seed);
    this.#gate = new FloodGate(arena, this.#proof, uplink);
    this.#outbox = new FloodOutbox(arena, this.#proof, self, Date.now, now);
    this.#parts = new FloodParts(arena, options.mtu);
    this.#copies = new FloodCopies(context, sealer, this.#parts);
  }

  /** True when anybody would get a copy of our own. */
  get possible(): boolean {
    const { links, options } = this.#c;
    return options.leaf ? links.anchor >= 0 : links.flood.size > 0;
  }

  /** True when the origin of unicast packets with a group address may go on: they count as its floods. */
  admits(peer: PeerEntry): boolean {
    return this.#gate.maySend(peer, this.#c.now);
  }

  /** Floods a plaintext to who wants it, with the next `flush` or a little later. False when we flood too often. */
  send(plain: number, length: number): boolean {
    const { now, shared } = this.#c;
    if (!this.#gate.mayFlood(now)) {
      drop(shared, Drop['flood-limited']);
      return false;
    }
    if (this.#outbox.full(length)) this.#sendAll();
    this.#outbox.put(plain, length, now);
    return true;
  }

  /** To be called at the end of every round: signs and sends what was flooded in it, unless it waits for more. */
  flush(): void {
    if (this.#outbox.due(this.#c.now)) this.#sendAll();
  }

  /** Signs and sends all that waits, and tells what is known of floods. */
  freeze(): HeldFloods {
    if (this.#outbox.count > 0) this.#sendAll();
    return { ...this.#outbox.counted, seen: this.#gate.held() };
  }

  restore({ epoch, sequence, seen }: HeldFloods): void {
    this.#outbox.countFrom(epoch, sequence);
    this.#gate.restore(seen);
  }

  /** When `flush` has something to do. */
  get deadline(): number {
    return this.#outbox.deadline;
  }

  #sendAll(): void {
    const outbox = this.#outbox;
    const { count } = outbox;
    if (outbox.sign()) for (let i = 0; i < count; i++) this.#begin(i, count);
    else drop(this.#c.shared, Drop['seal-failed'], count);
    outbox.clear();
  }

  /** Sends flood number `i` of the `count` that are signed. */
  #begin(i: number, count: number): void {
    const { arena, multicast, now } = this.#c;
    const outbox = this.#outbox;
    const at = outbox.at(i, count);
    const inner = outbox.inner(i);
    const length = inner + outbox.innerLength(i) - at;
    if (this.#locate(inner, outbox.innerLength(i))) multicast.aim(arena.view, this.frame, this.length, now);
    else multicast.aimAtAll();
    this.#copies.begin(at, length);
  }

  /**
   * Takes half a flood, `length` bytes behind its kind byte at `at`. Returns the length of the flood that it completes,
   * which lies at `joined`; 0 when there is none.
   */
  join(link: PeerEntry, at: number, length: number): number {
    const c = this.#c;
    const size = length - (partHeaderLength - 1);
    if (size <= 0 || size > this.#parts.limit) drop(c.shared, Drop['malformed-frame']);
    else if (!this.#gate.mayBring(link, c.now)) drop(c.shared, Drop['flood-limited']);
    else return this.#parts.join(link.slot, at, length);
    return 0;
  }

  get joined(): number {
    return this.#parts.at;
  }

  /**
   * Judges the flood of `length` bytes whose ttl lies at `at`, and passes it on. When it says `deliver`, the frame is still
   * in its place; what is in front of it is not needed any more. `direct`: it came by a direct path.
   */
  take(link: PeerEntry, at: number, length: number, direct: boolean): Flooded {
    const c = this.#c;
    const { u8 } = c.arena;
    if (!this.#gate.mayBring(link, c.now)) return this.#drop(Drop['flood-limited']);
    const depth = floodDepth(u8, at, length);
    if (depth < 0) return this.#drop(Drop['malformed-frame']);
    if (u8[at + FloodAt.ttl] === 0) return this.#drop(Drop['hops-exceeded']);
    const inner = at + floodHeaderLength(depth);
    const said = inner - SaidAt.inner;
    const fromOrigin = this.#isId(said, link.nodeId);
    const handOver = ((u8[at + FloodAt.flags] as number) & FloodFlag.handOver) !== 0;
    // Only a leaf of ours, and only for itself.
    if (handOver && (!fromOrigin || c.options.leaf || !c.links.anchors(link.slot)))
      return this.#drop(Drop['malformed-frame']);
    if (this.#isId(said, c.options.nodeId)) return this.#drop(Drop['flood-duplicate']);
    const origin = fromOrigin ? link : this.#peerOf(said);
    if (origin === null) return this.#wait(link, at, length, said, direct);
    const refusal = this.#gate.admit(link, origin, at, length, depth, c.now);
    if (refusal !== genuine) return this.#drop(refusal);
    this.origin = origin;
    if (u8[inner] === Kind.groups && !handOver) return this.#announcement(link, origin, at, length, inner);
    if (!this.#locate(inner, at + length - inner)) return this.#drop(Drop['malformed-frame']);
    const verdict = this.#judge(origin);
    // Whose an address is that no certificate names, others may know better: they judge for themselves.
    const forOthers = verdict === Verdict.taken;
    if (verdict !== Verdict.pass && !forOthers) {
      // It is signed: nobody but its origin can have said so.
      if (isSpoof(verdict)) misconduct(c, origin, PeerField.spoofed);
      return this.#drop(dropOf(verdict));
    }
    c.multicast.aim(c.arena.view, this.frame, this.length, c.now);
    if (!c.options.leaf) this.#copies.passOn(link, at, length);
    if (forOthers) return this.#drop(dropOf(verdict), Flooded.passed);
    this.#learn(origin);
    return c.multicast.host ? Flooded.deliver : Flooded.passed;
  }

  /** Nobody here knows the origin: the link does, if it is honest. */
  #wait(link: PeerEntry, at: number, length: number, said: number, direct: boolean): Flooded {
    const { arena, uplink, shared, now } = this.#c;
    const waiting = this.#waiting;
    const origin = arena.u8.slice(said, said + nodeIdLength);
    const bytes = arena.u8.slice(at, at + length);
    const kept = waiting.keep({ slot: link.slot, link: link.nodeId, origin, direct, bytes, at: now });
    if (waiting.lost > 0) drop(shared, Drop['flood-unknown'], waiting.lost);
    waiting.lost = 0;
    if (kept === 0) return this.#drop(Drop['flood-unknown']);
    if (kept === 2) uplink.tell({ type: 'stranger', slot: link.slot, id: origin });
    return Flooded.dropped;
  }

  /** Floods of this member that waited until it is known; those of links that went are left out. */
  waited(peer: PeerEntry): WaitingFlood[] {
    const { tables, now } = this.#c;
    return this.#waiting
      .take(peer.nodeId, now)
      .filter((flood) => tables.peers[flood.slot]?.nodeId === flood.link);
  }

  /** The peer in this slot goes. */
  forget(slot: number): void {
    this.#gate.forget(slot);
    this.#parts.forget(slot);
  }

  /** Wipes the key. */
  close(): void {
    this.#proof.close();
  }

  /** The origin says which multicast groups it wants: everybody is to know. */
  #announcement(link: PeerEntry, origin: PeerEntry, at: number, length: number, inner: number): Flooded {
    const c = this.#c;
    const message = c.arena.u8.subarray(inner + 1, at + length);
    if (!c.multicast.announced(origin.position, message, c.now)) return this.#drop(Drop['malformed-frame']);
    c.multicast.aimAtAll();
    if (!c.options.leaf) this.#copies.passOn(link, at, length);
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
    const slot = c.fdb.lookup(macHighOf(macHigh(view, at)), macLow(view, at), c.now);
    const peer = slot < 0 ? null : (c.tables.peers[slot] ?? null);
    return peer !== null && this.#isId(at, peer.nodeId) ? peer : null;
  }

  #judge(origin: PeerEntry): Verdict {
    const c = this.#c;
    const { view } = c.arena;
    const verdict = c.guard.judge(view, this.frame, this.length, origin, true);
    if (verdict !== Verdict.pass) return verdict;
    const high = macHigh(view, this.frame + 6);
    if (high === c.options.macHigh && macLow(view, this.frame + 6) === c.options.macLow)
      return Verdict.foreignMac;
    const field = this.checksumStart + this.checksumOffset;
    // It would be written over what the guard has seen.
    return this.checksumStart !== 0 && field < c.guard.examined ? Verdict.unreadable : Verdict.pass;
  }

  #learn(origin: PeerEntry): void {
    const { arena, learning, now } = this.#c;
    const high = macHigh(arena.view, this.frame + 6);
    const low = macLow(arena.view, this.frame + 6);
    // What the guard passes with another MAC lies behind a bridge, or is a pod.
    if (high === origin.macHigh && low === origin.macLow) return;
    learning.learn(high, low, origin.slot, now);
  }

  #isId(at: number, id: Uint8Array): boolean {
    const { u8 } = this.#c.arena;
    for (let i = 0; i < nodeIdLength; i++) if (u8[at + i] !== id[i]) return false;
    return true;
  }
}
