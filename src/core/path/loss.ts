/** How many pings by the path in use go unanswered: what `evio why` tells as its loss. No I/O; times are monotonic ms. */

/** Pings that are remembered: some minutes of a path in use. */
const remembered = 64;
/** A ping is unanswered after so long: the answer may wait in a deep queue. */
const patienceMs = 3_000;
/** Sent so long ago that nobody waits for the answer. */
const answered = -Infinity;

export interface Loss {
  /** Pings since the path was taken, the last 64 of them, but for those that may be answered yet. */
  readonly asked: number;
  readonly unanswered: number;
}

/** No object for a ping: a node has 64 of each of its peers after some minutes. */
export class LossMeter {
  /** Transactions of the pings, oldest first, and when each went out; `answered` in place of that once it was. */
  readonly #asked: number[] = [];
  readonly #sentAt: number[] = [];
  #key: string | undefined;

  /** The path in use, by its endpoint or label. Another one begins at nothing. */
  watch(key: string | undefined): void {
    if (key === this.#key) return;
    this.#key = key;
    this.#asked.length = this.#sentAt.length = 0;
  }

  /** A ping goes out. */
  asked(key: string, transaction: number, now: number): void {
    if (key !== this.#key) return;
    this.#asked.push(transaction);
    this.#sentAt.push(now);
    if (this.#asked.length <= remembered) return;
    this.#asked.shift();
    this.#sentAt.shift();
  }

  answered(transaction: number): void {
    const at = this.#asked.indexOf(transaction);
    if (at >= 0) this.#sentAt[at] = answered;
  }

  at(now: number): Loss {
    const settled = this.#sentAt.filter((at) => now - at >= patienceMs);
    return { asked: settled.length, unanswered: settled.filter((at) => at !== answered).length };
  }
}
