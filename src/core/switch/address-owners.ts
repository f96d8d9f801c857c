/**
 * Whose an address is that follows from nobody's certificate: of the member that was the first to use it. IPv6 addresses
 * that people and hosts choose, and everything inside a VLAN.
 *
 * First come, first served, as with sticky addresses of a switch port: an address belongs to the MAC that was seen with
 * it first, until five minutes passed without a packet from it. What somebody else sends with it until then is dropped.
 *
 *   shared memory of all packet threads, 4,096 buckets of 8 entries, chosen by a hash with keys
 *   entry   version | address (4 words) | LAN | owner's MAC (2 words) | last seen, s
 *
 * Looking up takes no lock: a version that is odd, or changed meanwhile, means "being written", and that is asked again
 * under the lock. Writing takes it; that happens once for an address. Nobody can push out a live entry: who has as many
 * as it may, or finds its bucket full of live ones, gets no more. Allocates nothing after construction.
 */
import { ageingMs } from './fdb.js';

/** Addresses that one member may have at a time. */
export const ownedLimit = 256;
const ageingSeconds = ageingMs / 1_000;

const buckets = 4_096;
const ways = 8;
const stride = 9;
const Field = { version: 0, a: 1, b: 2, c: 3, d: 4, lan: 5, high: 6, low: 7, seen: 8 } as const;

/** Words before the entries: lock, second of the last sweep, keys; then how many entries the owners with one hash have. */
const lockAt = 0;
const sweptAt = 1;
const keysAt = 2;
/** Random words that the table wants. */
export const ownerKeys = 14;
const countsAt = 16;
const bucketBits = 12;
const ownerBits = 14;
const owners = 1 << ownerBits;
const entriesAt = countsAt + owners;
const words = entriesAt + buckets * ways * stride;
/** Answers of this second that one thread remembers, so that a stream asks once a second. */
const recentBits = 8;
const recentStride = 8;
/** Tries before a thread gives up: a sweep is over long before. */
const lockTries = 1_000_000;

export class AddressOwners {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array;
  /** Address, LAN, owner and second of what was found to be its owner's. */
  readonly #recent = new Int32Array(recentStride << recentBits);

  /** Over the memory that another made; or over new memory, with `ownerKeys` random words that nobody else knows. */
  constructor(from: SharedArrayBuffer | Int32Array) {
    this.buffer = from instanceof SharedArrayBuffer ? from : new SharedArrayBuffer(words * 4);
    this.#words = new Int32Array(this.buffer);
    if (from instanceof Int32Array) this.#words.set(from.subarray(0, ownerKeys), keysAt);
  }

  /**
   * True when the address (four words, big endian, signed) in this LAN belongs to the MAC, or to nobody. With `claim`
   * it belongs to the MAC from then on; false when it may have no more. `second` is the time, whole.
   */
  holds(
    a: number,
    b: number,
    c: number,
    d: number,
    lan: number,
    high: number,
    low: number,
    claim: boolean,
    second: number,
  ): boolean {
    const r = this.#recent;
    const mixed = Math.imul(Math.imul(d, 0x9e3779b1) ^ low, 0x85ebca6b);
    const cell = (mixed >>> (32 - recentBits)) * recentStride;
    if (
      r[cell] === d &&
      r[cell + 1] === low &&
      r[cell + 2] === second &&
      r[cell + 3] === c &&
      r[cell + 4] === b &&
      r[cell + 5] === a &&
      r[cell + 6] === lan &&
      r[cell + 7] === high
    )
      return true;
    if (!this.#find(a, b, c, d, lan, high, low, claim, second)) return false;
    if (!claim) return true;
    r[cell] = d;
    r[cell + 1] = low;
    r[cell + 2] = second;
    r[cell + 3] = c;
    r[cell + 4] = b;
    r[cell + 5] = a;
    r[cell + 6] = lan;
    r[cell + 7] = high;
    return true;
  }

  #find(
    a: number,
    b: number,
    c: number,
    d: number,
    lan: number,
    high: number,
    low: number,
    claim: boolean,
    second: number,
  ): boolean {
    const w = this.#words;
    const bucket = this.#bucket(a, b, c, d, lan);
    for (let way = 0, at = bucket; way < ways; way++, at += stride) {
      const version = Atomics.load(w, at);
      if (version === 0 || (version & 1) !== 0) continue;
      if (w[at + Field.d] !== d || w[at + Field.c] !== c || w[at + Field.b] !== b || w[at + Field.a] !== a)
        continue;
      if (w[at + Field.lan] !== lan) continue;
      const own = w[at + Field.low] === low && w[at + Field.high] === high;
      const seen = w[at + Field.seen] as number;
      if (Atomics.load(w, at) !== version) break;
      if (own) {
        if (seen !== second && claim) w[at + Field.seen] = second;
        return true;
      }
      if (second - seen <= ageingSeconds) return false;
      break;
    }
    return !claim || this.#claim(bucket, a, b, c, d, lan, high, low, second);
  }

  /** Takes the address for the MAC. False when another was faster, or there is no room. */
  #claim(
    bucket: number,
    a: number,
    b: number,
    c: number,
    d: number,
    lan: number,
    high: number,
    low: number,
    second: number,
  ): boolean {
    const w = this.#words;
    for (let tries = 0; Atomics.compareExchange(w, lockAt, 0, 1) !== 0; tries++)
      if (tries === lockTries) return false;
    let free = -1;
    let held = false;
    for (let way = 0, at = bucket; way < ways; way++, at += stride) {
      const live = w[at] !== 0 && second - (w[at + Field.seen] as number) <= ageingSeconds;
      const same =
        w[at] !== 0 &&
        w[at + Field.a] === a &&
        w[at + Field.b] === b &&
        w[at + Field.c] === c &&
        w[at + Field.d] === d &&
        w[at + Field.lan] === lan;
      if (same && live) {
        held = true;
        free = w[at + Field.low] === low && w[at + Field.high] === high ? at : -1;
        break;
      }
      if (same) this.#free(at);
      if (free < 0 && !live) free = at;
    }
    let done = held && free >= 0;
    if (!held && free >= 0 && this.#mayHaveMore(high, low, second)) {
      this.#free(free);
      const version = w[free] as number;
      Atomics.store(w, free, version | 1);
      w[free + Field.a] = a;
      w[free + Field.b] = b;
      w[free + Field.c] = c;
      w[free + Field.d] = d;
      w[free + Field.lan] = lan;
      w[free + Field.high] = high;
      w[free + Field.low] = low;
      w[free + Field.seen] = second;
      Atomics.store(w, free, ((version | 1) + 1) & 0x3fff_ffff || 2);
      const count = this.#count(high, low);
      w[count] = (w[count] as number) + 1;
      done = true;
    }
    Atomics.store(w, lockAt, 0);
    return done;
  }

  #mayHaveMore(high: number, low: number, second: number): boolean {
    const w = this.#words;
    const count = this.#count(high, low);
    if ((w[count] as number) < ownedLimit) return true;
    if (w[sweptAt] === second) return false;
    w[sweptAt] = second;
    for (let at = entriesAt; at < words; at += stride)
      if (second - (w[at + Field.seen] as number) > ageingSeconds) this.#free(at);
    return (w[count] as number) < ownedLimit;
  }

  /** Empties the entry: nothing equals it, since its LAN is none. */
  #free(at: number): void {
    const w = this.#words;
    if (w[at] === 0 || w[at + Field.lan] === -1) return;
    const version = w[at] as number;
    Atomics.store(w, at, version | 1);
    w[at + Field.lan] = -1;
    w[at + Field.seen] = -ageingSeconds - 1;
    const count = this.#count(w[at + Field.high] as number, w[at + Field.low] as number);
    w[count] = (w[count] as number) - 1;
    Atomics.store(w, at, ((version | 1) + 1) & 0x3fff_ffff || 2);
  }

  /**
   * First word of the bucket of an address. Strongly universal, so nobody fills the bucket of another's address: multilinear
   * over 16-bit pieces with 32-bit keys, of which the upper 17 bits are good (Lemire and Kaser, 2014).
   */
  #bucket(a: number, b: number, c: number, d: number, lan: number): number {
    const hash =
      this.#times(0, a) +
      this.#times(2, b) +
      this.#times(4, c) +
      this.#times(6, d) +
      Math.imul(this.#words[keysAt + 8] as number, lan & 0xfff) +
      Math.imul(this.#words[keysAt + 9] as number, lan >>> 12);
    return entriesAt + ((hash | 0) >>> (32 - bucketBits)) * ways * stride;
  }

  /** Where an owner's entries are counted, with those of few others: whose, nobody can choose. */
  #count(high: number, low: number): number {
    const hash = this.#times(10, low) + Math.imul(this.#words[keysAt + 12] as number, high);
    return countsAt + ((hash | 0) >>> (32 - ownerBits));
  }

  /** Both halves of a word, each times its key. */
  #times(key: number, word: number): number {
    const w = this.#words;
    const at = keysAt + key;
    return Math.imul(w[at] as number, word & 0xffff) + Math.imul(w[at + 1] as number, word >>> 16);
  }
}
