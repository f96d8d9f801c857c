/** The decision log of one peer: what was tried, what was chosen and why. Bounded; oldest entries go first. */

export interface WhyEntry {
  /** Calendar time, ms since 1970. */
  readonly date: number;
  readonly event: string;
  readonly detail: string;
}

const capacity = 64;

/** A node keeps one for each of its peers: no object for an entry, and no string that is still in the pieces it was put together of. */
export class WhyLog {
  readonly #dates: number[] = [];
  readonly #events: string[] = [];
  readonly #details: string[] = [];

  add(date: number, event: string, detail: string): void {
    this.#dates.push(date);
    this.#events.push(event);
    this.#details.push(Buffer.from(detail).toString());
    if (this.#dates.length <= capacity) return;
    this.#dates.shift();
    this.#events.shift();
    this.#details.shift();
  }

  get entries(): WhyEntry[] {
    return this.#dates.map((date, i) => ({
      date,
      event: this.#events[i] as string,
      detail: this.#details[i] as string,
    }));
  }
}
