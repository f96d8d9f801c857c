/** Who is told of whose coming and going: a bounded set of ids for each watcher, and the way back. */

const nobody: ReadonlySet<never> = new Set<never>();

export class Watches<W> {
  readonly #limit: number;
  /** Ids of each watcher, the least recently added first. */
  readonly #watched = new Map<W, Set<string>>();
  readonly #watchers = new Map<string, Set<W>>();

  /** @param limit ids of one watcher; the one added longest ago makes room */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** True when it was not watched before. */
  add(watcher: W, id: string): boolean {
    let watched = this.#watched.get(watcher);
    if (!watched) this.#watched.set(watcher, (watched = new Set()));
    // Deleted and added again, it is the newest.
    const fresh = !watched.delete(id);
    watched.add(id);
    if (!fresh) return false;
    const watchers = this.#watchers.get(id);
    if (watchers) watchers.add(watcher);
    else this.#watchers.set(id, new Set([watcher]));
    if (watched.size > this.#limit) this.#removeOldest(watcher, watched);
    return true;
  }

  has(watcher: W, id: string): boolean {
    return this.#watched.get(watcher)?.has(id) ?? false;
  }

  /** What one watches, the least recently added first. */
  by(watcher: W): string[] {
    return [...(this.#watched.get(watcher) ?? [])];
  }

  /** Who watches `id`. */
  of(id: string): ReadonlySet<W> {
    return this.#watchers.get(id) ?? nobody;
  }

  /** Forgets a watcher. */
  drop(watcher: W): void {
    for (const id of this.#watched.get(watcher) ?? []) this.#unlink(watcher, id);
    this.#watched.delete(watcher);
  }

  clear(): void {
    this.#watched.clear();
    this.#watchers.clear();
  }

  #removeOldest(watcher: W, watched: Set<string>): void {
    const oldest = watched.values().next().value as string;
    watched.delete(oldest);
    this.#unlink(watcher, oldest);
  }

  #unlink(watcher: W, id: string): void {
    const watchers = this.#watchers.get(id);
    if (watchers?.delete(watcher) && watchers.size === 0) this.#watchers.delete(id);
  }
}
