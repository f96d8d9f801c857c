/**
 * The flows that this node began: what comes back in them passes whatever the policy says. In memory that all packet
 * threads share: those that transmit write, those that receive only look.
 *
 *   header  keys (2 words) | second until which connections of before are taken on | …
 *   entry   fingerprint (2 words) | second in which it ends, times 4, and its state     8 to a bucket, 8,192 buckets
 *
 * An entry is the keyed fingerprint of protocol, addresses and ports, so a bucket cannot be aimed at. Only packets of our own
 * host make entries, and only where a reply would be denied without one: nobody else can fill the table, and whoever is
 * allowed to ask something of us leaves nothing in it. In a full bucket the entry that ends first makes room.
 *
 * Times: TCP by RFC 5382 REQ-5 (established 2 h 4 min, else 4 min), UDP and the rest by RFC 4787 REQ-5 (5 min), echo by RFC
 * 5508 REQ-2 (60 s). What we send renews them; what the other side sends does not, so it cannot keep a flow open alone.
 *
 * Two threads that write one entry at a time may lose one of the two, no more: an entry that is half of one flow and half
 * of another is nobody's.
 */
import { TcpFlag } from '../wire/ip.js';
import { fingerprintKeys, type Fingerprint } from './fingerprint.js';

const ways = 8;
const buckets = 8_192;
const stride = 3;
const Field = { low: 0, high: 1, end: 2 } as const;
const takeOnAt = fingerprintKeys;
const entriesAt = 4;
const words = entriesAt + buckets * ways * stride;

const State = { datagram: 0, opening: 1, established: 2, closing: 3 } as const;

export const FlowSeconds = { established: 7_440, transitory: 240, datagram: 300, echo: 60 } as const;
/** How long after the first policy a connection that is under way already is taken on. */
export const takeOnSeconds = 60;

export class OwnFlows {
  readonly buffer: SharedArrayBuffer;
  /** Words of the memory: the keys of a `Fingerprint` come first. */
  readonly words: Int32Array;

  /** Over the memory that another made; or over new memory, with random keys that nobody else knows. */
  constructor(from: SharedArrayBuffer | Int32Array) {
    this.buffer = from instanceof SharedArrayBuffer ? from : new SharedArrayBuffer(words * 4);
    this.words = new Int32Array(this.buffer);
    if (from instanceof Int32Array) this.words.set(from.subarray(0, fingerprintKeys));
  }

  /** From now on there is a policy: for a minute connections are taken on whose beginning was not seen. */
  begin(second: number): void {
    this.words[takeOnAt] = second + takeOnSeconds;
  }

  /** True when the flow with this fingerprint is ours, and has not ended. */
  has({ low, high }: Fingerprint, second: number): boolean {
    const at = this.#find(low, high);
    return at >= 0 && Atomics.load(this.words, at + Field.end) >> 2 > second;
  }

  /** We sent a datagram that asks for an answer. */
  sent(fingerprint: Fingerprint, seconds: number, second: number): void {
    this.#put(fingerprint, (second + seconds) * 4 + State.datagram, second);
  }

  /** We sent a TCP segment with these flags. False when it is of no connection of ours. */
  sentTcp(fingerprint: Fingerprint, flags: number, second: number): boolean {
    const w = this.words;
    const at = this.#find(fingerprint.low, fingerprint.high);
    const before = at < 0 ? 0 : (w[at + Field.end] as number);
    const known = at >= 0 && before >> 2 > second;
    const opens = (flags & (TcpFlag.syn | TcpFlag.ack)) === TcpFlag.syn;
    if (!known && !opens) {
      // The other side began it, or we did before there was a policy.
      const ends = (flags & (TcpFlag.rst | TcpFlag.fin | TcpFlag.syn)) !== 0;
      if (ends || second >= (w[takeOnAt] as number)) return false;
    }
    let state: number = State.established;
    if (opens) state = State.opening;
    else if ((flags & (TcpFlag.rst | TcpFlag.fin)) !== 0 || (known && (before & 3) === State.closing))
      state = State.closing;
    const seconds = state === State.established ? FlowSeconds.established : FlowSeconds.transitory;
    const end = (second + seconds) * 4 + state;
    if (at < 0) this.#put(fingerprint, end, second);
    else if (before !== end) Atomics.store(w, at + Field.end, end);
    return true;
  }

  /** Forgets all but TCP: of other flows nobody knows who began them, and another policy may think otherwise of them. */
  forgetDatagrams(): void {
    const w = this.words;
    for (let at = entriesAt; at < words; at += stride)
      if (((w[at + Field.end] as number) & 3) === State.datagram) Atomics.store(w, at + Field.end, 0);
  }

  #find(low: number, high: number): number {
    const w = this.words;
    const bucket = entriesAt + (low & (buckets - 1)) * ways * stride;
    for (let at = bucket, end = bucket + ways * stride; at < end; at += stride)
      if (w[at + Field.low] === low && w[at + Field.high] === high) return at;
    return -1;
  }

  #put({ low, high }: Fingerprint, end: number, second: number): void {
    const w = this.words;
    let at = this.#find(low, high);
    if (at >= 0) {
      if (w[at + Field.end] !== end) Atomics.store(w, at + Field.end, end);
      return;
    }
    const bucket = entriesAt + (low & (buckets - 1)) * ways * stride;
    at = bucket;
    for (let other = bucket; other < bucket + ways * stride; other += stride) {
      if ((w[other + Field.end] as number) < (w[at + Field.end] as number)) at = other;
      if ((w[at + Field.end] as number) >> 2 <= second) break;
    }
    // Nobody's while it is neither the one nor the other.
    Atomics.store(w, at + Field.end, 0);
    Atomics.store(w, at + Field.low, low);
    Atomics.store(w, at + Field.high, high);
    Atomics.store(w, at + Field.end, end);
  }
}
