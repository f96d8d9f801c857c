/** Who our neighbours on the ring are, among those we know: pure functions over ids and positions. */
import { clockwise, ringSize } from './position.js';
import { estimateSize } from './symphony.js';

/** Somebody that may be a neighbour. */
export interface Place {
  readonly id: string;
  readonly position: number;
}

/** The `count` nearest in the direction of growing ids, nearest first. Equal positions are ordered by id. */
export function successorsOf<P extends Place>(self: Place, places: Iterable<P>, count: number): P[] {
  return nearest(self, places, count, true);
}

/** The `count` nearest against the direction of growing ids, nearest first. */
export function predecessorsOf<P extends Place>(self: Place, places: Iterable<P>, count: number): P[] {
  return nearest(self, places, count, false);
}

/** Insertion into a short sorted list: `places` is long, `count` is small. */
function nearest<P extends Place>(self: Place, places: Iterable<P>, count: number, ahead: boolean): P[] {
  const found: P[] = [];
  const ways: number[] = [];
  let limit = Infinity;
  for (const place of places) {
    const way = ahead ? clockwise(self.position, place.position) : clockwise(place.position, self.position);
    if (way > limit || place.id === self.id) continue;
    let at = found.length;
    for (; at > 0; at--) {
      const other = ways[at - 1] as number;
      if (way > other || (way === other && place.id < (found[at - 1] as P).id !== ahead)) break;
    }
    if (at >= count) continue;
    found.splice(at, 0, place);
    ways.splice(at, 0, way);
    if (found.length > count) {
      found.pop();
      ways.pop();
    }
    if (found.length === count) limit = ways[count - 1] as number;
  }
  return found;
}

/**
 * Members on the ring, from the neighbours we know on both sides: `around` holds everybody known within the arc of our
 * neighbourhood. When both sides meet, that is everybody and the count is exact.
 */
export function sizeAround(self: Place, around: readonly Place[], perSide: number): number {
  if (around.length <= 2 * perSide) return around.length + 1;
  const ahead = successorsOf(self, around, perSide);
  const behind = predecessorsOf(self, around, perSide);
  const last = ahead.at(-1);
  const first = behind.at(-1);
  if (!last || !first) return 1;
  const arc = clockwise(first.position, self.position) + clockwise(self.position, last.position);
  return estimateSize(ahead.length + behind.length, arc);
}

/**
 * The `count` nearest on each side among many that are offered, some of them more than once. Most are turned away by one
 * comparison.
 */
export class Nearby {
  readonly #self: Place;
  readonly #accepts: (id: string) => boolean;
  readonly #ahead: Side;
  readonly #behind: Side;

  /** @param accepts asked only of those that are near enough */
  constructor(self: Place, count: number, accepts: (id: string) => boolean) {
    this.#self = self;
    this.#accepts = accepts;
    this.#ahead = new Side(count);
    this.#behind = new Side(count);
  }

  offer(id: string, position: number): void {
    const ahead = clockwise(this.#self.position, position);
    const behind = ahead === 0 ? 0 : ringSize - ahead;
    if (ahead > this.#ahead.limit && behind > this.#behind.limit) return;
    if (id === this.#self.id || this.#ahead.has(id, ahead) || this.#behind.has(id, behind)) return;
    if (!this.#accepts(id)) return;
    const place = { id, position };
    this.#ahead.put(place, ahead);
    this.#behind.put(place, behind);
  }

  /** There was room for everybody. */
  get whole(): boolean {
    return !this.#ahead.left && !this.#behind.left;
  }

  /** How far away the last one on each side may be. */
  get reach(): { ahead: number; behind: number } {
    return { ahead: this.#ahead.limit, behind: this.#behind.limit };
  }

  /** Those on both sides, each once. */
  places(): Place[] {
    return [...new Set([...this.#ahead.places, ...this.#behind.places])];
  }
}

/** Nearest first. */
class Side {
  readonly places: Place[] = [];
  readonly #ways: number[] = [];
  readonly #count: number;
  /** Whoever is farther away has no room. */
  limit = Infinity;
  /** Somebody had none. */
  left = false;

  constructor(count: number) {
    this.#count = count;
  }

  has(id: string, way: number): boolean {
    for (let i = this.#indexOf(way); this.#ways[i] === way; i++) if (this.places[i]?.id === id) return true;
    return false;
  }

  put(place: Place, way: number): void {
    if (way > this.limit) {
      this.left = true;
      return;
    }
    const at = this.#indexOf(way);
    this.places.splice(at, 0, place);
    this.#ways.splice(at, 0, way);
    if (this.places.length > this.#count) {
      this.left = true;
      this.places.pop();
      this.#ways.pop();
    }
    if (this.places.length === this.#count) this.limit = this.#ways[this.#count - 1] as number;
  }

  /** The first that is at least so far away. */
  #indexOf(way: number): number {
    let low = 0;
    let high = this.#ways.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ways[middle] as number) < way) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
