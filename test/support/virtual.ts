/** Time and chance for tests: a clock that moves only when told, and a seeded generator. */
import type { Clock, Env, Logger, Random } from '../../src/core/lib/env.js';
import { silentLogger } from '../../src/core/lib/env.js';
import { SimClock } from '../../src/sim/clock.js';

export class VirtualClock implements Clock {
  readonly #clock: SimClock;

  constructor(startMs = 1_000, date = Date.UTC(2026, 0, 1)) {
    this.#clock = new SimClock(startMs, date);
  }

  now(): number {
    return this.#clock.now();
  }

  date(): number {
    return Math.floor(this.#clock.date());
  }

  after(ms: number, fire: () => void): () => void {
    return this.#clock.after(ms, fire);
  }

  /** Runs everything that is due in the next `ms`, in order of time, then of making. */
  advance(ms: number): void {
    this.#clock.run(this.#clock.now() + ms);
  }

  /** Like `advance`, letting promises settle on the way. */
  async run(ms: number, stepMs = 10): Promise<void> {
    for (let done = 0; done < ms; done += stepMs) {
      this.advance(Math.min(stepMs, ms - done));
      await Promise.resolve();
      await Promise.resolve();
    }
  }
}

/** xorshift32: not for secrets, the same for the same seed. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed = 1) {
    this.#state = seed >>> 0 || 1;
  }

  #next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  fill(bytes: Uint8Array): Uint8Array {
    for (let i = 0; i < bytes.length; i++) bytes[i] = this.#next() >>> 11;
    return bytes;
  }

  unit(): number {
    return this.#next() / 0x1_0000_0000;
  }
}

export function virtualEnv(
  clock = new VirtualClock(),
  seed = 1,
  log: Logger = silentLogger,
): Env & { clock: VirtualClock } {
  return { clock, random: new SeededRandom(seed), log };
}
