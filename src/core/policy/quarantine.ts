/** Who is in quarantine, why, and until when. By node id: another certificate or address does not end it. */
import type { AnomalyKind } from './policy.js';

export interface Confinement {
  readonly kind: AnomalyKind;
  /** ms of the machine's clock. */
  readonly until: number;
}

export class Quarantine {
  readonly #confined = new Map<string, Confinement>();

  /** When the next one ends. */
  get dueAt(): number {
    let at = Infinity;
    for (const { until } of this.#confined.values()) at = Math.min(at, until);
    return at;
  }

  /** Who is in it. */
  ids(): IterableIterator<string> {
    return this.#confined.keys();
  }

  get(id: string): Confinement | undefined {
    return this.#confined.get(id);
  }

  /** Puts a member in, or keeps it in for longer, never for shorter. */
  confine(now: number, id: string, kind: AnomalyKind, ms: number): void {
    const before = this.#confined.get(id);
    if (before && before.until >= now + ms) return;
    this.#confined.set(id, { kind, until: now + ms });
  }

  /** Lets those go whose time is over, and returns them. */
  release(now: number): string[] {
    const over = [...this.#confined].flatMap(([id, { until }]) => (now >= until ? [id] : []));
    for (const id of over) this.#confined.delete(id);
    return over;
  }

  /** Lets a member go before its time. */
  free(id: string): void {
    this.#confined.delete(id);
  }
}
