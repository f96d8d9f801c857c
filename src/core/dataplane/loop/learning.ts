/**
 * Addresses behind bridging members, learned by whichever loop sees a frame and told to the others by the control thread:
 * when an address is new or moved, and now and then while it lives, so that it ages nowhere.
 */
import { ageingMs, type Fdb } from '../../switch/fdb.js';
import { TokenBuckets } from '../../lib/token-bucket.js';
import type { Uplink } from './uplink.js';

const cells = 4_096;
const tellAgainMs = ageingMs / 5;
const tellsPerSecond = 1_000;

export class Learning {
  readonly #fdb: Fdb;
  /** Null in the only loop of a plane, which tells nobody. */
  readonly #uplink: Uplink | null;
  readonly #rate = new TokenBuckets(1, tellsPerSecond, tellsPerSecond);
  /** What was told last, by address; another address in the cell is as good as never told. */
  readonly #low = new Int32Array(cells);
  readonly #slot = new Int32Array(cells).fill(-1);
  readonly #at = new Float64Array(cells);

  constructor(fdb: Fdb, uplink: Uplink | null) {
    this.#fdb = fdb;
    this.#uplink = uplink;
  }

  /** A frame with this source came from the peer: from itself, or as a flood that it signed. */
  learn(high: number, low: number, slot: number, now: number): void {
    if (this.#fdb.learn(high, low, slot, now)) this.#tell(high, low, slot, now);
  }

  /** Another loop learned it. */
  told(high: number, low: number, slot: number, now: number): void {
    this.#fdb.learn(high, low, slot, now);
  }

  #tell(high: number, low: number, slot: number, now: number): void {
    if (this.#uplink === null) return;
    const cell = (low ^ (low >>> 12) ^ high) & (cells - 1);
    if (
      this.#low[cell] === low &&
      this.#slot[cell] === slot &&
      now - (this.#at[cell] as number) < tellAgainMs
    )
      return;
    if (!this.#rate.take(0, 1, now)) return;
    this.#low[cell] = low;
    this.#slot[cell] = slot;
    this.#at[cell] = now;
    this.#uplink.tell({ type: 'learned', high, low, slot });
  }
}
