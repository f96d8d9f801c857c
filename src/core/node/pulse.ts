/**
 * The one timer of a node. Each machine says when it is next due; the pulse waits for the first of them. Nothing is
 * looked at more often than it asked for.
 */
import type { Clock } from '../lib/env.js';

/** A machine that has something to do at a time of its own. */
export interface Timed {
  /** ms of the clock, in the past when it is late; Infinity for never. Every input may change it. */
  readonly dueAt: number;
  /** Does what is due, so that `dueAt` is later afterwards. */
  tick(now: number): void;
}

export class Pulse {
  readonly #clock: Clock;
  readonly #beat: () => void;
  readonly #machines: Timed[] = [];
  #cancel: () => void = () => undefined;
  #at = Infinity;
  #beats = 0;
  #beatAt = -Infinity;
  #held = false;
  #stopped = false;

  /** @param input runs the beat as an input of its own */
  constructor(clock: Clock, input: (deed: () => void) => void) {
    this.#clock = clock;
    this.#beat = () => {
      this.#at = Infinity;
      input(() => {
        this.#tick();
      });
    };
  }

  /** How often anything was due so far. */
  get beats(): number {
    return this.#beats;
  }

  /** Machines are ticked in the order in which they were added. */
  add(...machines: readonly Timed[]): void {
    this.#machines.push(...machines);
  }

  /** Sets the timer anew: to be called whenever anything may be due at another time, at the end of each turn. */
  set(): void {
    let first = Infinity;
    for (const machine of this.#machines) first = Math.min(first, machine.dueAt);
    // A machine that stays due would else keep the processor busy.
    first = Math.max(first, this.#beatAt + 1);
    if (first === this.#at || this.#held || this.#stopped) return;
    this.#cancel();
    this.#at = first;
    if (first === Infinity) return;
    this.#cancel = this.#clock.after(Math.max(0, first - this.#clock.now()), this.#beat);
  }

  /** Nothing is due until `release`. */
  hold(): void {
    this.#held = true;
    this.#cancel();
    this.#at = Infinity;
  }

  release(): void {
    this.#held = false;
    this.set();
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel();
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#beatAt = now;
    this.#beats++;
    for (const machine of this.#machines) if (now >= machine.dueAt) machine.tick(now);
  }
}
