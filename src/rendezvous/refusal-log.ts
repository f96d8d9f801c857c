/**
 * Tells the operator of refusals: each reason at once, and then how many there were, ever more seldom while they go on
 * (core/lib/pace.ts). Every refusal is in one of the counts.
 */
import type { Clock, Logger } from '../core/lib/env.js';
import { firstPauseMs, longerPause } from '../core/lib/pace.js';

interface Told {
  /** Since the last line. */
  count: number;
  pauseMs: number;
  cancel: () => void;
}

export class RefusalLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By reason, of which there are few: those of which a line was written not long ago. */
  readonly #told = new Map<string, Told>();

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  note(reason: string): void {
    const told = this.#told.get(reason);
    if (told) {
      told.count++;
      return;
    }
    const first: Told = { count: 1, pauseMs: firstPauseMs, cancel: () => undefined };
    this.#told.set(reason, first);
    this.#write(reason, first);
  }

  /** Tells what is left. */
  stop(): void {
    for (const [reason, told] of this.#told) {
      told.cancel();
      if (told.count > 0) this.#say(reason, told.count);
    }
    this.#told.clear();
  }

  #write(reason: string, told: Told): void {
    this.#say(reason, told.count);
    told.count = 0;
    told.cancel = this.#clock.after(told.pauseMs, () => {
      told.pauseMs = longerPause(told.pauseMs);
      // After a pause in which nobody was refused for it the next one is told at once again.
      if (told.count > 0) this.#write(reason, told);
      else this.#told.delete(reason);
    });
  }

  #say(reason: string, count: number): void {
    this.#log.info('relay refused nodes', { reason, count });
  }
}
