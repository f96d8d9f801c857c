/** Who is due when: a binary heap in which each has one time, which can be changed. */

interface Entry<T> {
  readonly item: T;
  at: number;
}

export class Agenda<T> {
  readonly #heap: Entry<T>[] = [];
  /** Where in the heap each is. */
  readonly #places = new Map<T, number>();

  get size(): number {
    return this.#heap.length;
  }

  /** The earliest time; Infinity when nobody is due. */
  get firstAt(): number {
    return this.#heap[0]?.at ?? Infinity;
  }

  /** From now on it is due at this time and no other; Infinity takes it out. */
  set(item: T, at: number): void {
    const place = this.#places.get(item);
    if (at === Infinity) {
      this.delete(item);
    } else if (place === undefined) {
      this.#heap.push({ item, at });
      this.#rise(this.#heap.length - 1);
    } else {
      const entry = this.#heap[place] as Entry<T>;
      const before = entry.at;
      entry.at = at;
      if (at < before) this.#rise(place);
      else if (at > before) this.#sink(place);
    }
  }

  delete(item: T): void {
    const place = this.#places.get(item);
    if (place === undefined) return;
    this.#places.delete(item);
    const last = this.#heap.pop() as Entry<T>;
    if (place === this.#heap.length) return;
    this.#put(last, place);
    this.#rise(place);
    this.#sink(this.#places.get(last.item) as number);
  }

  /** Takes out one that is due, the earliest first. */
  take(now: number): T | undefined {
    const first = this.#heap[0];
    if (!first || first.at > now) return undefined;
    this.delete(first.item);
    return first.item;
  }

  clear(): void {
    this.#heap.length = 0;
    this.#places.clear();
  }

  #put(entry: Entry<T>, place: number): void {
    this.#heap[place] = entry;
    this.#places.set(entry.item, place);
  }

  #rise(from: number): void {
    const entry = this.#heap[from] as Entry<T>;
    let place = from;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const other = this.#heap[above] as Entry<T>;
      if (other.at <= entry.at) break;
      this.#put(other, place);
      place = above;
    }
    this.#put(entry, place);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const entry = heap[from] as Entry<T>;
    let place = from;
    for (;;) {
      let below = 2 * place + 1;
      if (below >= heap.length) break;
      if (below + 1 < heap.length && (heap[below + 1] as Entry<T>).at < (heap[below] as Entry<T>).at) below++;
      const other = heap[below] as Entry<T>;
      if (other.at >= entry.at) break;
      this.#put(other, place);
      place = below;
    }
    this.#put(entry, place);
  }
}
