/** Something is done for each key once in a while, however often it is asked for. Knows no clock: the time is an argument. */

export class Paced {
  readonly #everyMs: number;
  /** When it was done for each key, longest ago first. */
  readonly #doneAt = new Map<string, number>();

  constructor(everyMs: number) {
    this.#everyMs = everyMs;
  }

  /** Keys remembered: those for which it is too early. */
  get size(): number {
    return this.#doneAt.size;
  }

  /** True when it is to be done for this key now; false when it was, less than `everyMs` ago. */
  due(key: string, nowMs: number): boolean {
    const doneAt = this.#doneAt.get(key);
    if (doneAt !== undefined && nowMs - doneAt < this.#everyMs) return false;
    this.#doneAt.delete(key);
    this.#doneAt.set(key, nowMs);
    for (const [old, at] of this.#doneAt) {
      if (nowMs - at < this.#everyMs) break;
      this.#doneAt.delete(old);
    }
    return true;
  }
}
