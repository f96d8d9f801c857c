/** How many pings by the path in use go unanswered: what `evio why` tells as its loss. No I/O; times are monotonic ms. */

/** Pings that are remembered: some minutes of a path in use. */
const remembered = 64;
/** A ping is unanswered after so long: the answer may wait in a deep queue. */
const patienceMs = 3_000;

export interface Loss {
  /** Pings since the path was taken, the last 64 of them, but for those that may be answered yet. */
  readonly asked: number;
  readonly unanswered: number;
}

interface Asked {
  readonly transaction: number;
  readonly at: number;
  answered: boolean;
}

export class LossMeter {
  /** Oldest first. */
  readonly #asked: Asked[] = [];
  #key: string | undefined;

  /** The path in use, by its endpoint or label. Another one begins at nothing. */
  watch(key: string | undefined): void {
    if (key === this.#key) return;
    this.#key = key;
    this.#asked.length = 0;
  }

  /** A ping goes out. */
  asked(key: string, transaction: number, now: number): void {
    if (key !== this.#key) return;
    this.#asked.push({ transaction, at: now, answered: false });
    if (this.#asked.length > remembered) this.#asked.shift();
  }

  answered(transaction: number): void {
    const ping = this.#asked.find((asked) => asked.transaction === transaction);
    if (ping) ping.answered = true;
  }

  at(now: number): Loss {
    const settled = this.#asked.filter(({ at, answered }) => answered || now - at >= patienceMs);
    return { asked: settled.length, unanswered: settled.filter(({ answered }) => !answered).length };
  }
}
