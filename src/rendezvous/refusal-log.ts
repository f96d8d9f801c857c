/** Tells the operator of refusals: at once, and then how many there were of each reason, at most every ten seconds. */
import type { Clock, Logger } from '../core/lib/env.js';

const everyMs = 10_000;

export class RefusalLog {
  readonly #clock: Clock;
  readonly #log: Logger;
  /** By reason, of which there are few. */
  readonly #counts = new Map<string, number>();
  /** A line was written a moment ago: the next one comes by itself. */
  #waits = false;
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock;
    this.#log = log;
  }

  note(reason: string): void {
    this.#counts.set(reason, (this.#counts.get(reason) ?? 0) + 1);
    if (!this.#waits) this.#tell();
  }

  #tell(): void {
    this.#waits = this.#counts.size > 0;
    if (!this.#waits) return;
    this.#write();
    this.#cancel = this.#clock.after(everyMs, () => this.#tell());
  }

  /** Tells what is left. */
  stop(): void {
    this.#cancel();
    this.#write();
  }

  #write(): void {
    for (const [reason, count] of this.#counts) this.#log.info('relay refused nodes', { reason, count });
    this.#counts.clear();
  }
}
