/** What goes by the path in use to one peer, and what comes back, as the last look at the peer's counters told. */
import type { Traffic } from '../peer/traffic.js';
import type { Use } from './mtu.js';

/** Frames go by a relay as long as there were some of late. */
const relayedMs = 5_000;

export class Usage {
  /** When frames last went by a relay, as far as seen, and how many. */
  #relayedAt = -Infinity;
  #relayedSeen = 0;
  #used = false;
  #waitingMs = 0;
  #waitingSince = Infinity;
  #heardAt = -Infinity;

  /** Frames go by the path in use. */
  get used(): boolean {
    return this.#used;
  }

  /** When anything authentic last came, ms of the clock. */
  get heardAt(): number {
    return this.#heardAt;
  }

  /** Since when frames wait for an answer, or since the last sign of life if that is later; Infinity: none does. */
  get waitingSince(): number {
    return Math.max(this.#waitingSince, this.#heardAt);
  }

  /**
   * The counters were looked at now.
   *
   * @param direct whether frames go by the direct path; undefined while there is none
   */
  look(now: number, traffic: Traffic, direct: boolean | undefined): void {
    this.#waitingMs = traffic.waiting(now);
    this.#waitingSince = traffic.unanswered ? now - this.#waitingMs : Infinity;
    this.#heardAt = traffic.rxAt;
    if (traffic.txRelayed !== this.#relayedSeen) this.#relayedAt = now;
    this.#relayedSeen = traffic.txRelayed;
    this.#used = direct ?? now < this.#relayedAt + relayedMs;
  }

  /** For a path with this round trip, ms. */
  of(rttMs: number | null): Use {
    return { rttMs, used: this.#used, waitingMs: this.#waitingMs };
  }
}
