/**
 * Members that the overlay wants a link with while their credentials are not here: their friend and the relays are
 * asked for them, again after a while, and in the end they are forgotten. A machine without I/O.
 */

/** They are asked for again this often, and forgotten after that long. */
export const askEveryMs = 2_000;
export const wantedForMs = 10_000;
export const maxWanted = 64;

interface Entry {
  readonly since: number;
  askedAt: number;
  /** The link that named it. */
  readonly via: string | undefined;
}

export class Wanted {
  readonly #ask: (id: string, via: string | undefined) => void;
  readonly #entries = new Map<string, Entry>();

  /** @param ask asks whoever may know this member */
  constructor(ask: (id: string, via: string | undefined) => void) {
    this.#ask = ask;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Asks for a member at once. Those beyond the limit are asked for only once. */
  want(now: number, id: string, via: string | undefined): void {
    if (this.#entries.size < maxWanted) this.#entries.set(id, { since: now, askedAt: now, via });
    this.#ask(id, via);
  }

  /** Nobody wants it any more, or it is known. */
  drop(id: string): void {
    this.#entries.delete(id);
  }

  clear(): void {
    this.#entries.clear();
  }

  /** Takes out those that are known by now, and tells who named them. */
  take(isKnown: (id: string) => boolean): { readonly id: string; readonly via: string | undefined }[] {
    const out: { readonly id: string; readonly via: string | undefined }[] = [];
    for (const [id, { via }] of this.#entries) if (isKnown(id)) out.push({ id, via });
    for (const { id } of out) this.#entries.delete(id);
    return out;
  }

  tick(now: number): void {
    for (const [id, entry] of this.#entries) {
      if (now >= entry.since + wantedForMs) this.#entries.delete(id);
      else if (now >= entry.askedAt + askEveryMs) {
        entry.askedAt = now;
        this.#ask(id, entry.via);
      }
    }
  }

  get dueAt(): number {
    let at = Infinity;
    if (this.#entries.size === 0) return at;
    for (const { since, askedAt } of this.#entries.values()) {
      at = Math.min(at, askedAt + askEveryMs, since + wantedForMs);
    }
    return at;
  }
}
