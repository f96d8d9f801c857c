/**
 * The datagrams in pieces whose first piece passed: the others have no ports, and follow it. Four for each peer at a time,
 * so whoever sends many pushes out its own only. Allocates nothing after construction.
 */
import type { Fingerprint } from './fingerprint.js';

const perPeer = 4;
const stride = 3;
/** A host waits as long for the rest of a datagram (Linux; RFC 8200 section 4.5 has 60 s). */
const seconds = 30;

export class Fragments {
  readonly #words: Int32Array;
  readonly #next: Uint8Array;

  /** @param peers how many there can be */
  constructor(peers: number) {
    this.#words = new Int32Array(peers * perPeer * stride);
    this.#next = new Uint8Array(peers);
  }

  /** The first piece of this datagram passed. */
  passed(slot: number, { low, high }: Fingerprint, second: number): void {
    const w = this.#words;
    const next = this.#next[slot] as number;
    this.#next[slot] = (next + 1) % perPeer;
    const at = (slot * perPeer + next) * stride;
    w[at] = low;
    w[at + 1] = high;
    w[at + 2] = second + seconds;
  }

  has(slot: number, { low, high }: Fingerprint, second: number): boolean {
    const w = this.#words;
    const first = slot * perPeer * stride;
    for (let at = first; at < first + perPeer * stride; at += stride)
      if (w[at] === low && w[at + 1] === high && (w[at + 2] as number) > second) return true;
    return false;
  }
}
