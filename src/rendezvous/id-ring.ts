/** A set of node ids in the order of the ring: ascending, and after the last comes the first. Knows nothing of members. */

export class IdRing {
  readonly #ids: string[] = [];

  get size(): number {
    return this.#ids.length;
  }

  /** Ascending. Changes with the ring. */
  get list(): readonly string[] {
    return this.#ids;
  }

  has(id: string): boolean {
    return this.#ids[this.#position(id)] === id;
  }

  /** A search and a move of what lies behind it: microseconds among tens of thousands. */
  add(id: string): void {
    const at = this.#position(id);
    if (this.#ids[at] !== id) this.#ids.splice(at, 0, id);
  }

  delete(id: string): void {
    const at = this.#position(id);
    if (this.#ids[at] === id) this.#ids.splice(at, 1);
  }

  /** The id at or clockwise after `target`, which need not be in the set; `except` is passed over. */
  closest(target: string, except?: string): string | undefined {
    const count = this.#ids.length;
    const at = this.#position(target);
    const found = this.#ids[at % count];
    if (found !== except) return found;
    const next = this.#ids[(at + 1) % count];
    return next === except ? undefined : next;
  }

  /** The `count` nearest ids on each side of `id`, itself left out; clockwise ones first, nearest first. */
  neighbours(id: string, count: number): string[] {
    const all = this.#ids.length;
    const at = this.#position(id);
    const own = this.#ids[at] === id ? 1 : 0;
    const others = all - own;
    // In a small ring both sides meet: nobody is named twice.
    const after = Math.min(count, Math.ceil(others / 2));
    const before = Math.min(count, others - after);
    const out: string[] = [];
    for (let i = 0; i < after; i++) out.push(this.#ids[(at + own + i) % all] as string);
    for (let i = 1; i <= before; i++) out.push(this.#ids[(at - i + all) % all] as string);
    return out;
  }

  /** Ids that begin with `prefix`, at most `limit`. */
  startingWith(prefix: string, limit: number): string[] {
    const out: string[] = [];
    for (let at = this.#position(prefix); out.length < limit; at++) {
      const id = this.#ids[at];
      if (!id?.startsWith(prefix)) break;
      out.push(id);
    }
    return out;
  }

  /** Up to `count` different ids, drawn at random: `unit` gives numbers from 0 to below 1. */
  some(count: number, unit: () => number): string[] {
    const out = new Set<string>();
    // Drawing twice what is wanted finds it but in the smallest rings.
    for (let i = 0; i < count * 2 && out.size < count; i++) {
      const id = this.#ids[Math.floor(unit() * this.#ids.length)];
      if (id !== undefined) out.add(id);
    }
    return [...out];
  }

  /** Index of the first id that is not below `id`. */
  #position(id: string): number {
    let low = 0;
    let high = this.#ids.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#ids[middle] as string) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
