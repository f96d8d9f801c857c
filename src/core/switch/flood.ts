/**
 * Flooding: who gets a copy of a broadcast, multicast or unknown-unicast frame, and how often one origin may flood.
 *
 * In a full mesh every connected peer gets one copy from the origin and nobody passes it on. `FloodTargets` is
 * the seam behind which the bounded flood of the ring takes its place.
 */

/** An order of ports to copy to, walked without allocation. */
export interface FloodTargets {
  /** The port after `previous` (-1 to begin), or -1 at the end. */
  next(previous: number): number;
}

/** Copies to every connected port: `connected(slot)` says which are. */
export class FullMesh implements FloodTargets {
  readonly #connected: Uint8Array;
  #highest = -1;

  constructor(ports: number) {
    this.#connected = new Uint8Array(ports);
  }

  set(port: number, connected: boolean): void {
    this.#connected[port] = connected ? 1 : 0;
    if (connected) this.#highest = Math.max(this.#highest, port);
    else while (this.#highest >= 0 && this.#connected[this.#highest] === 0) this.#highest--;
  }

  next(previous: number): number {
    for (let port = previous + 1; port <= this.#highest; port++) if (this.#connected[port] === 1) return port;
    return -1;
  }
}

/** Token buckets, one per origin (RFC 2697 in its simplest form). Full at the beginning. */
export class RateLimiter {
  readonly #perMs: number;
  readonly #burst: number;
  readonly #tokens: Float64Array;
  readonly #at: Float64Array;

  constructor(origins: number, perSecond: number, burst: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = new Float64Array(origins).fill(burst);
    this.#at = new Float64Array(origins);
  }

  /** Takes one token of `origin`; false when there is none. */
  take(origin: number, now: number): boolean {
    const grown = (this.#tokens[origin] as number) + (now - (this.#at[origin] as number)) * this.#perMs;
    const tokens = grown > this.#burst ? this.#burst : grown;
    this.#at[origin] = now;
    if (tokens < 1) {
      this.#tokens[origin] = tokens;
      return false;
    }
    this.#tokens[origin] = tokens - 1;
    return true;
  }
}
