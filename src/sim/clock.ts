/**
 * A clock that moves only when told: the events of a whole network in a binary heap.
 *
 * Events of one instant run in the order in which they were made, so a run depends on nothing but its inputs. The keys
 * of the heap lie side by side in typed arrays: with some hundred thousand events it would else be the cache that
 * decides how fast time goes by.
 */
import type { Clock } from '../core/lib/env.js';

interface Event {
  /** Undefined once cancelled. */
  fire: (() => void) | undefined;
}

const firstCapacity = 1_024;

export class SimClock implements Clock {
  #now: number;
  #order = 0;
  readonly #date: number;
  /** The heap: when, in which order made, and what. */
  #times = new Float64Array(firstCapacity);
  #orders = new Float64Array(firstCapacity);
  readonly #events: Event[] = [];

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
    return this.#events.length;
  }

  after(ms: number, fire: () => void): () => void {
    const event: Event = { fire };
    this.#push(this.#now + Math.max(0, ms), event);
    return () => {
      event.fire = undefined;
    };
  }

  /** Like `after` with an absolute time and no way back: for what is on the wire. */
  at(time: number, fire: () => void): void {
    this.#push(Math.max(time, this.#now), { fire });
  }

  /**
   * Runs what is due until `end`, at most `limit` events. True when nothing is left before `end`; the clock then
   * stands at `end`.
   */
  run(end: number, limit = Infinity): boolean {
    for (let done = 0; done < limit; done++) {
      if (this.#events.length === 0 || (this.#times[0] as number) > end) {
        this.#now = Math.max(this.#now, end);
        return true;
      }
      this.#now = this.#times[0] as number;
      this.#pop().fire?.();
    }
    return false;
  }

  #push(at: number, event: Event): void {
    const events = this.#events;
    let i = events.length;
    if (i === this.#times.length) {
      this.#times = grown(this.#times);
      this.#orders = grown(this.#orders);
    }
    const times = this.#times;
    const orders = this.#orders;
    events.push(event);
    while (i > 0) {
      const up = (i - 1) >> 1;
      // What was made before goes first: a new event never passes one of its instant.
      if ((times[up] as number) <= at) break;
      times[i] = times[up] as number;
      orders[i] = orders[up] as number;
      events[i] = events[up] as Event;
      i = up;
    }
    times[i] = at;
    orders[i] = this.#order++;
    events[i] = event;
  }

  #pop(): Event {
    const events = this.#events;
    const times = this.#times;
    const orders = this.#orders;
    const first = events[0] as Event;
    const last = events.pop() as Event;
    const length = events.length;
    if (length === 0) return first;
    const at = times[length] as number;
    const order = orders[length] as number;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= length) break;
      if (child + 1 < length && this.#isBefore(child + 1, times[child] as number, orders[child] as number))
        child++;
      if (!this.#isBefore(child, at, order)) break;
      times[i] = times[child] as number;
      orders[i] = orders[child] as number;
      events[i] = events[child] as Event;
      i = child;
    }
    times[i] = at;
    orders[i] = order;
    events[i] = last;
    return first;
  }

  #isBefore(i: number, at: number, order: number): boolean {
    const time = this.#times[i] as number;
    return time < at || (time === at && (this.#orders[i] as number) < order);
  }
}

function grown(array: Float64Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  const larger = new Float64Array(2 * array.length);
  larger.set(array);
  return larger;
}
