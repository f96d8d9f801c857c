/** Which of several relays is home: the nearest one, and it stays that while it works and no other is clearly nearer. No I/O. */

/** A relay, and how near it is: `rank` as in relay.ts, a round trip in ms, more where only its WebSocket works; lower is nearer. */
export interface Ranked {
  readonly index: number;
  readonly rank: number;
}

/** Clearly nearer: round trips of two that are alike change all the time, and each change of home would move paths. */
function clearlyNearer(rank: number, than: number): boolean {
  return rank < than * 0.7 - 2;
}

export class HomeRelay {
  #index: number | undefined;

  /** The one that is home now, of those that are up. */
  settle(up: readonly Ranked[]): number | undefined {
    const best = nearest(up);
    const home = up.find(({ index }) => index === this.#index);
    if (!home || (best && clearlyNearer(best.rank, home.rank))) this.#index = best?.index;
    return this.#index;
  }

  /** `ways` with the nearest first, or that by the home relay unless another is clearly nearer. */
  sort<Way extends Ranked>(ways: readonly Way[]): Way[] {
    const sorted = [...ways].sort((a, b) => a.rank - b.rank);
    const [best] = sorted;
    const home = sorted.find(({ index }) => index === this.#index);
    if (!best || !home || clearlyNearer(best.rank, home.rank)) return sorted;
    return [home, ...sorted.filter((way) => way !== home)];
  }
}

function nearest(of: readonly Ranked[]): Ranked | undefined {
  return of.reduce<Ranked | undefined>(
    (best, one) => (!best || one.rank < best.rank ? one : best),
    undefined,
  );
}
