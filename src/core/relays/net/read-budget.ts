/**
 * How much a relay may say besides members' packets: each message costs a look at the members, or signatures. What is beyond it
 * waits in the connection, where nothing is lost. One for a relay, over all connections to it. No I/O; times are monotonic ms.
 */

/** A second and at once: of messages more than a network of which a relay tells everything has members; of bytes a whole ledger, and its news. */
const messages = { perS: 500, atOnce: 4_000 };
const bytes = { perS: 16_384, atOnce: 4_194_304 };

export class ReadBudget {
  readonly #messages = new Schedule(messages);
  readonly #bytes = new Schedule(bytes);

  /** A message of this length was read. Returns when the next may be; it is in the past where that is at once. */
  read(now: number, length: number): number {
    return Math.max(this.#messages.add(now, 1), this.#bytes.add(now, length));
  }
}

/** Virtual scheduling (GCRA, ITU-T I.371): when what came would be over at the rate, had nothing come at once. */
class Schedule {
  readonly #eachMs: number;
  readonly #atOnceMs: number;
  #overAt = -Infinity;

  constructor({ perS, atOnce }: { readonly perS: number; readonly atOnce: number }) {
    this.#eachMs = 1_000 / perS;
    this.#atOnceMs = atOnce * this.#eachMs;
  }

  add(now: number, n: number): number {
    this.#overAt = Math.max(this.#overAt, now - this.#atOnceMs) + n * this.#eachMs;
    return this.#overAt;
  }
}
