/**
 * The calendar of a machine that may have booted without one (no battery, no NTP yet): as its own clock says, or later, where
 * relays prove that it is later. A relay proves its date by the session in which it tells it. Nothing is ever set back: a machine
 * that is ahead stays so, and says so.
 *
 * What a relay that lies could do with it is bounded: of several relays the one nearest to the machine's clock counts, and
 * no date is believed at which this node's own certificate has ended.
 */
import type { Clock } from '../lib/env.js';

/** Two clocks that are closer than this agree, ms: such a difference spoils nothing. */
export const clockToleranceMs = 60_000;

export class ProvenClock implements Clock {
  readonly #machine: Clock;
  /** By relay: its date, less the monotonic time at which it was told. */
  readonly #told = new Map<string, number>();
  #offset = -Infinity;
  #latest = Infinity;

  constructor(machine: Clock) {
    this.#machine = machine;
  }

  now(): number {
    return this.#machine.now();
  }

  after(ms: number, fire: () => void): () => void {
    return this.#machine.after(ms, fire);
  }

  date(): number {
    return Math.max(this.#machine.date(), Math.min(this.#offset + this.#machine.now(), this.#latest));
  }

  /** How far the date in use is ahead of the machine's own, ms; 0 where that is used. */
  get behindMs(): number {
    const behind = this.date() - this.#machine.date();
    return behind > clockToleranceMs ? behind : 0;
  }

  /** How far the machine's own clock is ahead of every relay's, ms; 0 where it agrees with one. It is used all the same. */
  get aheadMs(): number {
    const ahead = this.#machine.date() - this.#machine.now() - Math.max(...this.#told.values());
    return ahead > clockToleranceMs && Number.isFinite(ahead) ? ahead : 0;
  }

  /**
   * A relay told its date now, in a session that only it can have.
   *
   * @param latest the end of our own certificate: a later date is not believed
   * @returns how far the relay is ahead of the machine's own clock, ms
   */
  prove(relay: string, date: number, latest: number): number {
    const now = this.#machine.now();
    this.#told.set(relay, date - now);
    this.#latest = latest;
    const least = Math.min(...this.#told.values());
    this.#offset = least + now - this.#machine.date() > clockToleranceMs ? least : -Infinity;
    return date - this.#machine.date();
  }
}
