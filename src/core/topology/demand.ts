/** Members that traffic wants a link with: the least recently used go first, idle ones by themselves. */

/** Links kept for traffic, and ms without traffic after which one goes. */
const defaultLimit = 64;
const defaultIdleMs = 15 * 60_000;

export class Demand {
  readonly #limit: number;
  readonly #idleMs: number;
  /** Id to the time of its last use, least recent first. */
  readonly #used = new Map<string, number>();

  constructor(limit = defaultLimit, idleMs = defaultIdleMs) {
    this.#limit = limit;
    this.#idleMs = idleMs;
  }

  /** Notes traffic to a member. Gives the one that had to make room for it, if any. */
  use(now: number, id: string): string | undefined {
    this.#used.delete(id);
    this.#used.set(id, now);
    if (this.#used.size <= this.#limit) return undefined;
    const oldest = this.#used.keys().next().value as string;
    this.#used.delete(oldest);
    return oldest;
  }

  /** Forgets those without traffic for so long, linked or not. */
  expire(now: number): void {
    for (const [id, at] of this.#used) {
      if (now - at < this.#idleMs) return;
      this.#used.delete(id);
    }
  }

  has(id: string): boolean {
    return this.#used.has(id);
  }

  /** When the next one falls idle; Infinity when none can. */
  get dueAt(): number {
    const oldest = this.#used.values().next().value;
    return oldest === undefined ? Infinity : oldest + this.#idleMs;
  }
}
