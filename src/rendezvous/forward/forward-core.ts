/**
 * What happens to one UDP datagram: STUN, bind, or a packet to be forwarded. No sockets, so that the dgram driver and
 * the worker share it; nothing is allocated for a packet that is forwarded.
 *
 * RFC 8656 (TURN) is the model: data only from the address that proved the association, forwarding by node id within
 * one network, and no answer that is larger than its question before an address is proven. STUN too is answered to others
 * only when the request has room for the answer (wire/stun.ts): what RFC 8489 allows would make a relay an amplifier.
 */
import type { Endpoint } from '../../core/lib/endpoint.js';
import { nodeIdLength, PacketType, relayHeaderLength, looksLikeStun } from '../../core/wire/packet.js';
import { encodeBound, encodeUnbound, peekAssociation, verifyBind } from '../../core/wire/relay.js';
import { answerBinding, asksOtherPort } from '../../core/wire/stun.js';
import type { CounterBlock } from '../counters.js';
import type { ForwardTable } from './forward-table.js';
import { SourceGate } from './source-gate.js';

/** A node counts as reachable by UDP this long after it was last heard there, ms. */
export const bindingLifetimeMs = 60_000;

/** Results of `handle` that are no slot. */
export const Verdict = { drop: -1, up: -2, reply: -3, replyOther: -4 } as const;

/** One hint an address within this time. Addresses share cells by hash; a collision only delays a hint. */
const hintMs = 1_000;
const hintCells = 1_024;

export interface CoreDriver {
  /** The endpoint that the driver's address bytes mean. */
  endpointOf(address: Uint8Array, at: number): Endpoint;
  /** A node proved its address, or is heard by UDP again. */
  bound(slot: number, endpoint: Endpoint): void;
}

export class ForwardCore {
  readonly table: ForwardTable;
  readonly counters: CounterBlock;
  /** After `up`: slots of the sender and of the destination, which has no UDP address. */
  source = 0;
  target = 0;
  /** There is an alternate port to answer from, where that is asked for. */
  hasOther = false;
  /** After `reply`, and after `replyOther` (from the alternate port): what goes back to the sender. */
  answer: Uint8Array = new Uint8Array(0);

  /** Header words of the last packet forwarded, before and after, and its slots: see `again`. */
  readonly #before = new Int32Array(relayHeaderLength / 4);
  readonly #after = new Int32Array(relayHeaderLength / 4);
  #lastSource = 0;
  /** Slot of the receiver of the last packet that was forwarded by UDP; -1 after `forget`. */
  lastTarget = -1;

  readonly #driver: CoreDriver;
  readonly #gate: SourceGate;
  readonly #hinted = new Float64Array(hintCells).fill(-hintMs);

  constructor(table: ForwardTable, counters: CounterBlock, driver: CoreDriver, seed: number, nowMs: number) {
    this.table = table;
    this.counters = counters;
    this.#driver = driver;
    this.#gate = new SourceGate(table.known, seed, nowMs);
  }

  /**
   * Looks at the datagram `bytes[at, at + length)`. `view` covers the same memory as `bytes` from its start. A packet to
   * be sent on has its header rewritten in place, and the slot to send it to is returned; otherwise a `Verdict`.
   */
  handle(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    from: Uint8Array,
    fromAt: number,
    nowMs: number,
  ): number {
    const type = length > 0 ? (bytes[at] as number) : 0xff;
    if (type === PacketType.relaySend) return this.#forward(bytes, view, at, length, from, fromAt, nowMs);
    if (type === PacketType.relayBind) {
      return this.#bind(bytes.subarray(at, at + length), from, fromAt, nowMs);
    }
    if (looksLikeStun(type)) {
      return this.stun(bytes.subarray(at, at + length), from, fromAt, nowMs, this.hasOther);
    }
    return this.#drop('malformed');
  }

  /**
   * For the packets behind one that `handle` forwarded, from the same address and in the same call of the driver: true
   * when this one has the same header and was treated alike, that is, belongs into the same send.
   */
  again(view: DataView, at: number, length: number, nowMs: number): boolean {
    const before = this.#before;
    if (this.lastTarget < 0 || length <= relayHeaderLength) return false;
    if (
      view.getInt32(at, true) !== before[0] ||
      view.getInt32(at + 4, true) !== before[1] ||
      view.getInt32(at + 8, true) !== before[2] ||
      view.getInt32(at + 12, true) !== before[3] ||
      view.getInt32(at + 16, true) !== before[4] ||
      view.getInt32(at + 20, true) !== before[5]
    ) {
      return false;
    }
    // Over the limit: `handle` sees it again and counts it.
    if (!this.table.chargeNode(this.#lastSource, length, nowMs)) return false;
    if (!this.table.chargeNetwork(this.#lastSource, length, nowMs)) return false;
    const after = this.#after;
    view.setInt32(at, after[0] as number, true);
    view.setInt32(at + 4, after[1] as number, true);
    view.setInt32(at + 8, after[2] as number, true);
    view.setInt32(at + 12, after[3] as number, true);
    view.setInt32(at + 16, after[4] as number, true);
    view.setInt32(at + 20, after[5] as number, true);
    this.counters.forwarded('udp-udp', 1, length);
    this.table.passed(this.#lastSource, this.lastTarget, length);
    return true;
  }

  /** Forgets the last header: the table or the sender may be another one now. */
  forget(): void {
    this.lastTarget = -1;
  }

  /** Only STUN: what the alternate port answers. @param other the answer may go from another port than this one */
  stun(packet: Uint8Array, from: Uint8Array, fromAt: number, nowMs: number, other = false): number {
    const { table } = this;
    const source = table.sourceOf(from, fromAt);
    const refused = this.#gate.refuses('stun', source, nowMs);
    if (refused) return this.#drop(refused);
    const answer = answerBinding(packet, this.#driver.endpointOf(from, fromAt), other);
    if (!answer) return this.#drop('malformed');
    // Whoever forged this address would have us send more to its owner than he sends himself.
    const proven =
      answer.length <= packet.length || table.known.has(source) || table.isLoopback(from, fromAt);
    if (!proven) return this.#drop('unproven');
    this.counters.event('stun');
    this.answer = answer;
    return other && asksOtherPort(packet) ? Verdict.replyOther : Verdict.reply;
  }

  /** True when packets for this slot go by UDP. */
  reachable(slot: number, nowMs: number): boolean {
    const { boundAt, released } = this.table;
    const at = boundAt[slot] as number;
    return at > 0 && released[slot] === 0 && nowMs - at < bindingLifetimeMs;
  }

  #forward(
    bytes: Uint8Array,
    view: DataView,
    at: number,
    length: number,
    from: Uint8Array,
    fromAt: number,
    nowMs: number,
  ): number {
    const { table } = this;
    if (length <= relayHeaderLength) return this.#drop('malformed');
    const source = table.find(view.getUint32(at + 4, true));
    if (source < 0) return this.#drop('unknown-association');
    if ((table.boundAt[source] as number) === 0 || !table.sameAddress(source, from, fromAt)) {
      return this.#hint(table.index[source] as number, from, fromAt, nowMs);
    }
    table.boundAt[source] = nowMs;
    if (table.released[source] === 1) this.#heardAgain(source);
    const target = table.member(table.network[source] as number, view, at + 8);
    if (target < 0 || target === source) return this.#drop('no-destination');
    if (!table.chargeNode(source, length, nowMs)) return this.#drop('node-limit');
    if (!table.chargeNetwork(source, length, nowMs)) return this.#drop('network-limit');
    if (!this.reachable(target, nowMs)) {
      this.source = source;
      this.target = target;
      return Verdict.up;
    }
    for (let i = 0; i < 6; i++) this.#before[i] = view.getInt32(at + 4 * i, true);
    this.#rewrite(bytes, view, at, source);
    for (let i = 0; i < 6; i++) this.#after[i] = view.getInt32(at + 4 * i, true);
    this.#lastSource = source;
    this.lastTarget = target;
    this.counters.forwarded('udp-udp', 1, length);
    table.passed(source, target, length);
    return target;
  }

  /** 0x58 to 0x59: the type, a zero where the association was, and the sender's id instead of the destination's. */
  #rewrite(bytes: Uint8Array, view: DataView, at: number, source: number): void {
    bytes[at] = PacketType.relayDeliver;
    view.setUint16(at + 2, 0);
    view.setUint32(at + 4, 0);
    const ids = this.table.nodeId;
    const id = source * nodeIdLength;
    for (let i = 0; i < nodeIdLength; i++) bytes[at + 8 + i] = ids[id + i] as number;
  }

  #bind(packet: Uint8Array, from: Uint8Array, fromAt: number, nowMs: number): number {
    const { table } = this;
    const peeked = peekAssociation(packet);
    if (!peeked) return this.#drop('malformed');
    const slot = table.find(peeked.association);
    if (slot < 0) return this.#drop('unknown-association');
    if (peeked.counter <= (table.counter[slot] as number)) return this.#drop('stale-bind');
    const refused = this.#gate.refuses('verify', table.sourceOf(from, fromAt), nowMs);
    if (refused) return this.#drop(refused);
    const key = table.keyOf(slot);
    if (!verifyBind(packet, key)) return this.#drop('bad-bind');
    table.counter[slot] = peeked.counter;
    table.bind(slot, from, fromAt, Math.max(nowMs, 1));
    const endpoint = this.#driver.endpointOf(from, fromAt);
    this.counters.event('binds');
    this.#driver.bound(slot, endpoint);
    this.answer = encodeBound(peeked.association, peeked.counter, endpoint, key);
    return Verdict.reply;
  }

  #heardAgain(slot: number): void {
    this.table.released[slot] = 0;
    this.#driver.bound(slot, this.#driver.endpointOf(this.table.addressOf(slot), 0));
  }

  #hint(association: number, from: Uint8Array, fromAt: number, nowMs: number): number {
    this.counters.drop('wrong-source');
    let hash = 0;
    for (let i = 0; i < this.table.addressLength; i++) hash = (hash * 31 + (from[fromAt + i] as number)) | 0;
    const cell = (hash >>> 0) % hintCells;
    if (nowMs - (this.#hinted[cell] as number) < hintMs) return Verdict.drop;
    if (this.#gate.refuses('hint', this.table.sourceOf(from, fromAt), nowMs)) return Verdict.drop;
    this.#hinted[cell] = nowMs;
    this.counters.event('hints');
    this.answer = encodeUnbound(association);
    return Verdict.reply;
  }

  #drop(reason: Parameters<CounterBlock['drop']>[0]): number {
    this.counters.drop(reason);
    return Verdict.drop;
  }
}
