/**
 * All relays were lost: until when members may be on their way back to them, each in its own time (net/backoff.ts). What is
 * done about a member that cannot be reached is not done so long: it comes back by itself. No I/O; times are monotonic ms.
 */

/** From the first relay that is up again. Nearly all try once a second by then; registration of many takes a while. */
export const comebackMs = 5_000;

export class Comeback {
  #lostAt = -Infinity;
  #upAt = -Infinity;

  /** The last relay that was up went. */
  lost(now: number): void {
    this.#lostAt = now;
  }

  /** A relay is up, and none was. */
  up(now: number): void {
    this.#upAt = now;
  }

  /** When all went, as long as members may not be back; -Infinity: nothing was lost, or long ago. */
  lostAt(now: number): number {
    return this.#upAt >= this.#lostAt && now >= this.#upAt + comebackMs ? -Infinity : this.#lostAt;
  }
}
