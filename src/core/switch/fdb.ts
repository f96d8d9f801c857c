/**
 * Forwarding database, as in a Linux bridge: MAC -> port (a peer's slot).
 *
 * Two kinds of entries: pinned ones are a member's own MAC, put there with the member and never moved by what
 * anybody sends; learned ones come from source addresses of authenticated frames, age, and move at once when the
 * address is seen elsewhere. Open addressing over typed arrays, no allocation after construction. Knows no crypto.
 */

/** Learned entries are forgotten after this long without a frame (IEEE 802.1Q default ageing time). */
export const ageingMs = 300_000;
/** Learned addresses one port may hold, so that no member can fill the table alone. */
export const perPortLimit = 2_048;

const capacity = 32_768;
const mask = capacity - 1;
/** Beyond this many used cells nothing new is learned until old ones have aged out. */
const fillLimit = capacity * 0.75;

const empty = -1;
const deleted = -2;

export class Fdb {
  readonly #high = new Int32Array(capacity);
  readonly #low = new Int32Array(capacity);
  /** Slot of the port, or empty, or deleted. */
  readonly #port = new Int32Array(capacity).fill(empty);
  /** Time of the last frame in ms; 0 marks a pinned entry. */
  readonly #seen = new Float64Array(capacity);
  readonly #perPort: Int32Array;
  /** Cells that are not empty, deleted ones included: they lengthen searches too. */
  #used = 0;
  #sweptAt = 0;

  /** `ports` is one more than the largest slot. */
  constructor(ports: number) {
    this.#perPort = new Int32Array(ports);
  }

  #cell(high: number, low: number): number {
    const x = Math.imul(low ^ (low >>> 15) ^ Math.imul(high, 0x9e3779b1), 0x85ebca6b);
    let at = (x ^ (x >>> 13)) & mask;
    while (this.#port[at] !== empty) {
      if (this.#low[at] === low && this.#high[at] === high && this.#port[at] !== deleted) return at;
      at = (at + 1) & mask;
    }
    return ~at;
  }

  /** The port of an address, or -1 when it is unknown or too old. */
  lookup(high: number, low: number, now: number): number {
    const at = this.#cell(high, low);
    if (at < 0) return -1;
    const seen = this.#seen[at] as number;
    return seen !== 0 && now - seen > ageingMs ? -1 : (this.#port[at] as number);
  }

  /** Notes that a frame with this source came in by `port`. False when the address is pinned elsewhere or there is no room. */
  learn(high: number, low: number, port: number, now: number): boolean {
    const at = this.#cell(high, low);
    if (at >= 0) {
      const owner = this.#port[at] as number;
      if (this.#seen[at] === 0) return owner === port;
      if (owner !== port) {
        if ((this.#perPort[port] as number) >= perPortLimit) return false;
        this.#perPort[owner] = (this.#perPort[owner] as number) - 1;
        this.#perPort[port] = (this.#perPort[port] as number) + 1;
        this.#port[at] = port;
      }
      this.#seen[at] = Math.max(now, 1);
      return true;
    }
    if ((this.#perPort[port] as number) >= perPortLimit || this.#used >= fillLimit) {
      if (now - this.#sweptAt < 1_000) return false;
      this.#sweptAt = now;
      this.#rebuild((i) => this.#seen[i] === 0 || now - (this.#seen[i] as number) <= ageingMs);
      if ((this.#perPort[port] as number) >= perPortLimit || this.#used >= fillLimit) return false;
      return this.learn(high, low, port, now);
    }
    this.#put(~at, high, low, port, Math.max(now, 1));
    this.#perPort[port] = (this.#perPort[port] as number) + 1;
    return true;
  }

  /** A member's own address: known without a frame, never aged, never moved by traffic. */
  pin(high: number, low: number, port: number): void {
    const at = this.#cell(high, low);
    if (at >= 0 && this.#seen[at] !== 0) {
      const owner = this.#port[at] as number;
      this.#perPort[owner] = (this.#perPort[owner] as number) - 1;
    }
    this.#put(at >= 0 ? at : ~at, high, low, port, 0);
  }

  /** Calls for each address that is known, but those of a port. Rare. */
  each(except: number, now: number, call: (high: number, low: number) => void): void {
    for (let i = 0; i < capacity; i++) {
      const port = this.#port[i] as number;
      const seen = this.#seen[i] as number;
      if (port < 0 || port === except || (seen !== 0 && now - seen > ageingMs)) continue;
      call(this.#high[i] as number, this.#low[i] as number);
    }
  }

  /** Removes every entry of a port. */
  forget(port: number): void {
    for (let i = 0; i < capacity; i++) if (this.#port[i] === port) this.#port[i] = deleted;
    this.#perPort[port] = 0;
    if (this.#used > fillLimit / 2) this.#rebuild(() => true);
  }

  #put(at: number, high: number, low: number, port: number, seen: number): void {
    if (this.#port[at] === empty) this.#used++;
    this.#high[at] = high;
    this.#low[at] = low;
    this.#port[at] = port;
    this.#seen[at] = seen;
  }

  /** Writes the table anew with the entries that `keep` accepts, and without deleted cells. Rare. */
  #rebuild(keep: (cell: number) => boolean): void {
    const kept: [number, number, number, number][] = [];
    for (let i = 0; i < capacity; i++) {
      const port = this.#port[i] as number;
      if (port < 0 || !keep(i)) continue;
      kept.push([this.#high[i] as number, this.#low[i] as number, port, this.#seen[i] as number]);
    }
    this.#port.fill(empty);
    this.#perPort.fill(0);
    this.#used = 0;
    for (const [high, low, port, seen] of kept) {
      this.#put(~this.#cell(high, low), high, low, port, seen);
      if (seen !== 0) this.#perPort[port] = (this.#perPort[port] as number) + 1;
    }
  }
}
