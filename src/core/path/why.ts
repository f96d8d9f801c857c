/** The decision log of one peer: what was tried, what was chosen and why. Bounded; oldest entries go first. */

export interface WhyEntry {
  /** Calendar time, ms since 1970. */
  readonly date: number;
  readonly event: string;
  readonly detail: string;
}

const capacity = 64;

export class WhyLog {
  readonly #entries: WhyEntry[] = [];

  add(date: number, event: string, detail: string): void {
    this.#entries.push({ date, event, detail });
    if (this.#entries.length > capacity) this.#entries.shift();
  }

  get entries(): readonly WhyEntry[] {
    return this.#entries;
  }
}
