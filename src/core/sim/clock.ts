/**
 * A clock that moves only when told: the events of a whole network in a binary heap.
 *
 * Events of one instant run in the order in which they were made, so a run depends on nothing but its inputs.
 */
import type { Clock } from '../lib/env.js';

interface Event {
  readonly at: number;
  readonly order: number;
  /** Undefined once cancelled. */
  fire: (() => void) | undefined;
}

export class SimClock implements Clock {
  #now: number;
  #order = 0;
  readonly #heap: Event[] = [];
  readonly #date: number;

  /** @param date what the calendar says at the start, ms since 1970 */
  constructor(startMs = 0, date = Date.UTC(2026, 0, 1)) {
    this.#now = startMs;
    this.#date = date - startMs;
  }

  now(): number {
    return this.#now;
  }

  date(): number {
    return this.#date + this.#now;
  }

  /** Events that wait, the cancelled ones included. */
  get size(): number {
    return this.#heap.length;
  }

  after(ms: number, fire: () => void): () => void {
    const event = this.#push(this.#now + Math.max(0, ms), fire);
    return () => {
      event.fire = undefined;
    };
  }

  /** Like `after` with an absolute time and no way back: for what is on the wire. */
  at(time: number, fire: () => void): void {
    this.#push(Math.max(time, this.#now), fire);
  }

  /**
   * Runs what is due until `end`, at most `limit` events. True when nothing is left before `end`; the clock then
   * stands at `end`.
   */
  run(end: number, limit = Infinity): boolean {
    for (let done = 0; done < limit; done++) {
      const next = this.#heap[0];
      if (!next || next.at > end) {
        this.#now = Math.max(this.#now, end);
        return true;
      }
      this.#pop();
      this.#now = next.at;
      next.fire?.();
    }
    return false;
  }

  #push(at: number, fire: () => void): Event {
    const event: Event = { at, order: this.#order++, fire };
    const heap = this.#heap;
    let i = heap.length;
    heap.push(event);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = heap[up] as Event;
      if (!before(event, parent)) break;
      heap[i] = parent;
      i = up;
    }
    heap[i] = event;
    return event;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Event;
    const length = heap.length;
    if (length === 0) return;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && before(heap[child + 1] as Event, heap[child] as Event)) child++;
      const below = heap[child] as Event;
      if (!before(below, last)) break;
      heap[i] = below;
      i = child;
    }
    heap[i] = last;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
