/** Ids that are believed to be online at one relay: a hostile one must not fill our memory. */
export const onlineLimit = 8_192;

/** A set of member ids, bounded: the one that was added longest ago makes room. */
export class OnlineIds {
  readonly #ids = new Set<string>();

  get size(): number {
    return this.#ids.size;
  }

  [Symbol.iterator](): SetIterator<string> {
    return this.#ids.values();
  }

  has(idText: string): boolean {
    return this.#ids.has(idText);
  }

  add(idText: string): void {
    this.#ids.add(idText);
    if (this.#ids.size > onlineLimit) this.#ids.delete(this.#ids.values().next().value as string);
  }

  delete(idText: string): void {
    this.#ids.delete(idText);
  }

  clear(): void {
    this.#ids.clear();
  }
}
