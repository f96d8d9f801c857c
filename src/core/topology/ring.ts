/** Who our neighbours on the ring are, among those we know: pure functions over ids and positions. */
import { clockwise } from './position.js';
import { estimateSize } from './symphony.js';

/** Somebody that may be a neighbour. */
export interface Place {
  readonly id: string;
  readonly position: number;
}

/** The `count` nearest in the direction of growing ids, nearest first. Equal positions are ordered by id. */
export function successorsOf<P extends Place>(self: Place, places: Iterable<P>, count: number): P[] {
  return nearest(places, count, (p) => clockwise(self.position, p.position), self.id, 1);
}

/** The `count` nearest against the direction of growing ids, nearest first. */
export function predecessorsOf<P extends Place>(self: Place, places: Iterable<P>, count: number): P[] {
  return nearest(places, count, (p) => clockwise(p.position, self.position), self.id, -1);
}

/** Insertion into a short sorted list: `places` is long, `count` is small. */
function nearest<P extends Place>(
  places: Iterable<P>,
  count: number,
  away: (place: P) => number,
  self: string,
  sign: 1 | -1,
): P[] {
  const found: P[] = [];
  const ways: number[] = [];
  const before = (way: number, id: string, i: number): boolean =>
    way < (ways[i] as number) || (way === ways[i] && (id < (found[i] as P).id ? 1 : -1) * sign > 0);
  for (const place of places) {
    if (place.id === self) continue;
    const way = away(place);
    let at = found.length;
    while (at > 0 && before(way, place.id, at - 1)) at--;
    if (at >= count) continue;
    found.splice(at, 0, place);
    ways.splice(at, 0, way);
    if (found.length > count) {
      found.pop();
      ways.pop();
    }
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
