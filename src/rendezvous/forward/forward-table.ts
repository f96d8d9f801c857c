/**
 * Associations of the UDP data plane, in flat arrays: no object is made or looked at per packet.
 *
 * The low 16 bits of an association's index are its slot, the rest is random, so an index of an earlier connection
 * does not fit. Addresses are opaque bytes of the driver's form and length (a sockaddr, or 18 bytes).
 */
import { TokenBuckets } from '../../core/lib/token-bucket.js';
import { nodeIdLength } from '../../core/wire/packet.js';
import { bytesPerSecond, byteBurst } from '../limits.js';
import { KnownSources } from './source-gate.js';

export const maxSlots = 65_536;
/** Room for a sockaddr_in6 and the local address that it came to. */
export const addressRoom = 44;
const keyLength = 32;
/** An address by itself: IPv6, or IPv4 mapped into it. */
const ipLength = 16;
/** Memory of one table: mostly zero pages that are never touched. */
export const tableBytes =
  maxSlots * (8 + 8 + 8 + 8 + 4 + 4 + nodeIdLength + keyLength + addressRoom + ipLength + 1 + 1 + 1);

/** What the main thread tells about a connected node. */
export interface Association {
  readonly index: number;
  /** 32 bytes, shared with the node (wire/relay.ts). */
  readonly key: Uint8Array;
  /** Number of the network within this process. */
  readonly network: number;
  /** 16 bytes. */
  readonly nodeId: Uint8Array;
  /** Where its TCP connection comes from, which that has proven; 16 bytes, IPv4 mapped. */
  readonly observed: Uint8Array;
}

export type TableMemory = SharedArrayBuffer | ArrayBuffer;

/** Bytes that were forwarded for a node: what it sent, and what was sent to it. */
export interface Passed {
  readonly sent: number;
  readonly received: number;
}

/** What went from UDP to UDP by an association; of one that is not there nothing did. */
export function passedBy(
  { used, index, sent, received }: Pick<ForwardTable, 'used' | 'index' | 'sent' | 'received'>,
  association: number,
): Passed {
  const slot = association & 0xffff;
  if (used[slot] !== 1 || index[slot] !== association) return { sent: 0, received: 0 };
  return { sent: sent[slot] as number, received: received[slot] as number };
}

/** The columns of a table, each a place for every slot; `ForwardTable` says what they mean. */
export function tableViews(memory: TableMemory) {
  let at = 0;
  const room = (bytes: number): number => (at += maxSlots * bytes) - maxSlots * bytes;
  return {
    counter: new Float64Array(memory, room(8), maxSlots),
    boundAt: new Float64Array(memory, room(8), maxSlots),
    sent: new Float64Array(memory, room(8), maxSlots),
    received: new Float64Array(memory, room(8), maxSlots),
    index: new Uint32Array(memory, room(4), maxSlots),
    network: new Uint32Array(memory, room(4), maxSlots),
    nodeId: new Uint8Array(memory, room(nodeIdLength), maxSlots * nodeIdLength),
    key: new Uint8Array(memory, room(keyLength), maxSlots * keyLength),
    address: new Uint8Array(memory, room(addressRoom), maxSlots * addressRoom),
    observed: new Uint8Array(memory, room(ipLength), maxSlots * ipLength),
    released: new Uint8Array(memory, room(1), maxSlots),
    used: new Uint8Array(memory, room(1), maxSlots),
    retired: new Uint8Array(memory, room(1), maxSlots),
  };
}

export class ForwardTable {
  readonly addressLength: number;
  readonly #ipv4: boolean;
  /** Where 16 bytes of IP begin in an address. */
  readonly #ipAt: number;
  readonly memory: TableMemory;
  /** Highest bind counter accepted; -1 before the first. */
  readonly counter: Float64Array;
  /** When the node was last heard by UDP, ms; 0 when it never bound. */
  readonly boundAt: Float64Array;
  /** Bytes that went from UDP to UDP: of the node, and for it. Another thread may read them. */
  readonly sent: Float64Array;
  readonly received: Float64Array;
  /** Slot → the whole index; meaningful where `used`. */
  readonly index: Uint32Array;
  readonly network: Uint32Array;
  readonly nodeId: Uint8Array;
  readonly key: Uint8Array;
  readonly address: Uint8Array;
  readonly observed: Uint8Array;
  /** Where members were met: by TCP, and by binds. */
  readonly known = new KnownSources();
  /** 1: the node prefers its WebSocket until it is heard by UDP again. */
  readonly released: Uint8Array;
  readonly used: Uint8Array;
  /** 1: the node has a newer association, by which it is reached; what it still sends by this one passes. */
  readonly retired: Uint8Array;

  readonly #ids: DataView;
  /** Open addressing over (network, node id): slot + 1, 0 empty. Twice the slots, so at most half full. */
  readonly #hash = new Int32Array(maxSlots * 2);
  readonly #seed: number;
  readonly #buckets: TokenBuckets;
  readonly #networkBuckets: TokenBuckets;

  /**
   * @param seed random, so that nobody can choose node ids that share a hash chain
   * @param memory of `tableBytes`: what another table left there stays known, so that a thread can take over from one
   * that crashed. One table at a time may use it.
   */
  constructor(
    addressLength: number,
    seed: number,
    limits: { nodeMbps: number; networkMbps: number },
    memory: TableMemory = new ArrayBuffer(tableBytes),
  ) {
    this.addressLength = addressLength;
    this.#ipv4 = inLengths.includes(addressLength);
    this.#ipAt = in6Lengths.includes(addressLength) ? 8 : 0;
    this.memory = memory;
    const views = tableViews(memory);
    this.counter = views.counter;
    this.boundAt = views.boundAt;
    this.sent = views.sent;
    this.received = views.received;
    this.index = views.index;
    this.network = views.network;
    this.nodeId = views.nodeId;
    this.key = views.key;
    this.address = views.address;
    this.observed = views.observed;
    this.released = views.released;
    this.used = views.used;
    this.retired = views.retired;
    this.#ids = new DataView(memory, this.nodeId.byteOffset, this.nodeId.length);
    this.#seed = seed | 1;
    this.#buckets = byteBuckets(limits.nodeMbps);
    this.#networkBuckets = byteBuckets(limits.networkMbps);
    this.learn();
  }

  /** What is in the memory, of which this table has learnt nothing yet. */
  learn(): void {
    for (let slot = 0; slot < maxSlots; slot++) {
      if (this.used[slot] !== 1) continue;
      if (this.retired[slot] === 0) this.#link(slot);
      this.known.add(this.#observedSource(slot));
      if ((this.boundAt[slot] as number) > 0)
        this.known.add(this.sourceOf(this.address, this.addressAt(slot)));
    }
  }

  /** Slot of an association, or -1. */
  find(index: number): number {
    const slot = index & 0xffff;
    return this.used[slot] === 1 && this.index[slot] === index ? slot : -1;
  }

  /** Slot of the member `id` (at `at`) of a network, or -1. */
  member(network: number, view: DataView, at: number): number {
    const a = view.getInt32(at);
    const b = view.getInt32(at + 4);
    const c = view.getInt32(at + 8);
    const d = view.getInt32(at + 12);
    const mask = this.#hash.length - 1;
    for (let i = this.#mix(network, a, b, c, d) & mask; ; i = (i + 1) & mask) {
      const slot = (this.#hash[i] as number) - 1;
      if (slot < 0) return -1;
      const o = slot * nodeIdLength;
      if (
        this.network[slot] === network &&
        this.#ids.getInt32(o) === a &&
        this.#ids.getInt32(o + 4) === b &&
        this.#ids.getInt32(o + 8) === c &&
        this.#ids.getInt32(o + 12) === d
      ) {
        return slot;
      }
    }
  }

  /**
   * Adds an association. One of the same node is retired: a node that registers anew, from the same host, is reached where it
   * was, and heard by both associations, until it has bound the new one.
   */
  add(association: Association): number {
    const { index, key, network, nodeId, observed } = association;
    const before = this.member(network, new DataView(nodeId.buffer, nodeId.byteOffset, nodeIdLength), 0);
    const slot = index & 0xffff;
    if (this.used[slot] === 1) this.removeSlot(slot);
    const stays = before >= 0 && before !== slot && this.#isFrom(before, observed);
    if (stays) this.#retire(before);
    else if (before >= 0) this.removeSlot(before);
    this.index[slot] = index;
    this.network[slot] = network;
    this.nodeId.set(nodeId, slot * nodeIdLength);
    this.key.set(key, slot * keyLength);
    this.observed.set(observed, slot * ipLength);
    this.known.add(this.#observedSource(slot));
    this.counter[slot] = -1;
    this.boundAt[slot] = 0;
    this.sent[slot] = this.received[slot] = 0;
    this.released[slot] = 0;
    this.retired[slot] = 0;
    this.#buckets.reset(slot);
    this.used[slot] = 1;
    this.#link(slot);
    if (stays) {
      this.bind(slot, this.address, this.addressAt(before), this.boundAt[before] as number);
      this.released[slot] = this.released[before] as number;
    }
    return slot;
  }

  /** It is bound, and its TCP connection came from this address, too. */
  #isFrom(slot: number, observed: Uint8Array): boolean {
    const at = slot * ipLength;
    for (let i = 0; i < ipLength; i++) if (this.observed[at + i] !== observed[i]) return false;
    return (this.boundAt[slot] as number) > 0;
  }

  #retire(slot: number): void {
    this.#unlink(slot);
    this.retired[slot] = 1;
  }

  #link(slot: number): void {
    const mask = this.#hash.length - 1;
    let i = this.#home(slot);
    while (this.#hash[i] !== 0) i = (i + 1) & mask;
    this.#hash[i] = slot + 1;
  }

  /** Makes the table hold exactly these, keeping what is known of those it has. */
  keepOnly(associations: readonly Association[]): void {
    const wanted = new Set(associations.map(({ index }) => index));
    for (let slot = 0; slot < maxSlots; slot++) {
      if (this.used[slot] === 1 && !wanted.has(this.index[slot] as number)) this.removeSlot(slot);
    }
    for (const association of associations) if (this.find(association.index) < 0) this.add(association);
  }

  remove(index: number): void {
    const slot = this.find(index);
    if (slot >= 0) this.removeSlot(slot);
  }

  /** With backward shift (Knuth 6.4 R), so that no tombstones pile up. */
  #unlink(slot: number): void {
    const hash = this.#hash;
    const mask = hash.length - 1;
    let hole = this.#home(slot);
    while (hash[hole] !== slot + 1) hole = (hole + 1) & mask;
    for (let i = (hole + 1) & mask; hash[i] !== 0; i = (i + 1) & mask) {
      const home = this.#home((hash[i] as number) - 1);
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        hash[hole] = hash[i] as number;
        hole = i;
      }
    }
    hash[hole] = 0;
  }

  removeSlot(slot: number): void {
    if (this.used[slot] !== 1) return;
    if (this.retired[slot] === 0) this.#unlink(slot);
    this.used[slot] = 0;
    this.known.delete(this.#observedSource(slot));
    if ((this.boundAt[slot] as number) > 0)
      this.known.delete(this.sourceOf(this.address, this.addressAt(slot)));
    this.key.fill(0, slot * keyLength, (slot + 1) * keyLength);
  }

  /** A packet of the node in one slot goes to the node in another. */
  passed(from: number, to: number, bytes: number): void {
    this.sent[from] = (this.sent[from] as number) + bytes;
    this.received[to] = (this.received[to] as number) + bytes;
  }

  keyOf(slot: number): Uint8Array {
    return this.key.subarray(slot * keyLength, (slot + 1) * keyLength);
  }

  idOf(slot: number): Uint8Array {
    return this.nodeId.subarray(slot * nodeIdLength, (slot + 1) * nodeIdLength);
  }

  /** Where a slot's address begins in `address`. */
  addressAt(slot: number): number {
    return slot * addressRoom;
  }

  addressOf(slot: number): Uint8Array {
    return this.address.subarray(slot * addressRoom, slot * addressRoom + this.addressLength);
  }

  /** True when the bytes at `at` are the address this slot is bound to. */
  sameAddress(slot: number, bytes: Uint8Array, at: number): boolean {
    const o = slot * addressRoom;
    for (let i = 0; i < this.addressLength; i++) if (this.address[o + i] !== bytes[at + i]) return false;
    return true;
  }

  /** The node proved that it is there. `nowMs` is above 0. */
  bind(slot: number, bytes: Uint8Array, at: number, nowMs: number): void {
    const o = slot * addressRoom;
    if ((this.boundAt[slot] as number) > 0) this.known.delete(this.sourceOf(this.address, o));
    for (let i = 0; i < this.addressLength; i++) this.address[o + i] = bytes[at + i] as number;
    this.known.add(this.sourceOf(this.address, o));
    this.boundAt[slot] = nowMs;
    this.released[slot] = 0;
  }

  /**
   * The source that an address in the driver's form belongs to, as a number: the IPv4 address itself, or the /64 of an IPv6
   * one (its first half, hashed with the seed: who could make two collide would only share a budget).
   */
  sourceOf(bytes: Uint8Array, at: number): number {
    if (this.#ipv4) return word(bytes, at + 4);
    return this.#sourceOfIp(bytes, at + this.#ipAt);
  }

  /** True for an address that only this machine has. */
  isLoopback(bytes: Uint8Array, at: number): boolean {
    if (this.#ipv4) return bytes[at + 4] === 127;
    const ip = at + this.#ipAt;
    if (word(bytes, ip) !== 0 || word(bytes, ip + 4) !== 0) return false;
    const third = word(bytes, ip + 8);
    return third === 0xffff ? bytes[ip + 12] === 127 : third === 0 && word(bytes, ip + 12) === 1;
  }

  #observedSource(slot: number): number {
    return this.#sourceOfIp(this.observed, slot * ipLength);
  }

  #sourceOfIp(bytes: Uint8Array, at: number): number {
    const high = word(bytes, at);
    const low = word(bytes, at + 4);
    if (high === 0 && low === 0 && word(bytes, at + 8) === 0xffff) return word(bytes, at + 12);
    const a = Math.imul(high ^ this.#seed, 0x9e37_79b1) >>> 0;
    const b = Math.imul(low ^ a, 0x85eb_ca6b) >>> 12;
    return 0x1_0000_0000 + a * 0x10_0000 + b;
  }

  /** Charges bytes to the node: false when it is over its rate. */
  chargeNode(slot: number, bytes: number, nowMs: number): boolean {
    return this.#buckets.take(slot, bytes, nowMs);
  }

  chargeNetwork(slot: number, bytes: number, nowMs: number): boolean {
    return this.#networkBuckets.take((this.network[slot] as number) & 0xffff, bytes, nowMs);
  }

  #home(slot: number): number {
    const o = slot * nodeIdLength;
    const ids = this.#ids;
    const h = this.#mix(
      this.network[slot] as number,
      ids.getInt32(o),
      ids.getInt32(o + 4),
      ids.getInt32(o + 8),
      ids.getInt32(o + 12),
    );
    return h & (this.#hash.length - 1);
  }

  #mix(network: number, a: number, b: number, c: number, d: number): number {
    let h = this.#seed ^ network;
    h = Math.imul(h ^ a, 0x9e37_79b1);
    h = Math.imul(h ^ (h >>> 15) ^ b, 0x85eb_ca6b);
    h = Math.imul(h ^ (h >>> 13) ^ c, 0xc2b2_ae35);
    h = Math.imul(h ^ (h >>> 16) ^ d, 0x27d4_eb2f);
    return h ^ (h >>> 15);
  }
}

/** Lengths of the forms of an address, by which they are told apart (`sourceOf`): a sockaddr, alone or with a local address. */
const inLengths = [16, 20];
const in6Lengths = [28, 44];

/** Four bytes, big endian. */
function word(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16);
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0;
}

/** One bucket of bytes for every slot or network. */
function byteBuckets(mbps: number): TokenBuckets {
  return new TokenBuckets(maxSlots, bytesPerSecond(mbps), byteBurst(mbps));
}
