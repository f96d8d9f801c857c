/**
 * Looks at what the counters of a peer say about its conduct. Each kind has a number that is no accident within ten
 * seconds; where it is reached, that is told once a minute. Only who was suspected at least once is remembered.
 *
 *   scan    was denied at so many different ports and protocols
 *   spoof   sent frames in the name of others, or frames that cannot be read to their end
 *   flood   sent broadcasts beyond its limit
 *   storm   began sessions, again and again
 *   replay  packets came again, which anybody on the way can cause
 */
import { anomalyKinds, type AnomalyKind } from './policy.js';

const windowMs = 10_000;
/** Within this of a look, counters move without that anybody is told (dataplane/loop/misconduct.ts). */
const silentMs = 1_000;
/** The same of the same member is told no more often. */
const againMs = 60_000;
/** What is reached within a window. */
export const anomalyLimits: Readonly<Record<AnomalyKind, number>> = {
  scan: 16,
  spoof: 20,
  flood: 1_000,
  // An honest peer needs one in two minutes, and some more when it restarts or changes its paths.
  storm: 20,
  replay: 1_000,
};

/** Counters that only rise. */
export type Conduct = Readonly<Record<AnomalyKind, number>>;

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** How often within the last seconds. */
  readonly count: number;
}

interface Watched {
  windowAt: number;
  /** The counters when the window began, and at the last look. */
  base: Conduct;
  last: Conduct;
  readonly toldAt: Map<AnomalyKind, number>;
}

const innocent: Conduct = { scan: 0, spoof: 0, flood: 0, storm: 0, replay: 0 };

export class AnomalyWatch {
  readonly #watched = new Map<string, Watched>();
  /** When to look once more at whom: what was over within the silence is seen then. The first is due first. */
  readonly #again = new Map<string, number>();

  /** To be called when a counter has moved. Returns what is to be told. */
  look(now: number, id: string, conduct: Conduct): Anomaly[] {
    this.#again.delete(id);
    this.#again.set(id, now + silentMs);
    return this.judge(now, id, conduct);
  }

  /** When somebody is to be looked at once more, ms. */
  get dueAt(): number {
    return this.#again.values().next().value ?? Infinity;
  }

  /** Who is to be given to {@link judge} now, though nobody was told of them; each once. */
  due(now: number): string[] {
    const ids: string[] = [];
    for (const [id, at] of this.#again) {
      if (at > now) break;
      this.#again.delete(id);
      ids.push(id);
    }
    return ids;
  }

  /** As {@link look}, and nothing follows. */
  judge(now: number, id: string, conduct: Conduct): Anomaly[] {
    const watched = this.#of(id, now);
    if (now - watched.windowAt >= windowMs) {
      watched.windowAt = now;
      watched.base = watched.last;
    }
    watched.last = conduct;
    return anomalyKinds.flatMap((kind) => {
      const count = conduct[kind] - watched.base[kind];
      if (count < anomalyLimits[kind] || now - (watched.toldAt.get(kind) ?? -Infinity) < againMs) return [];
      watched.toldAt.set(kind, now);
      return [{ kind, count }];
    });
  }

  /** Its counters begin at zero again, or it is gone. */
  forget(id: string): void {
    this.#watched.delete(id);
    this.#again.delete(id);
  }

  #of(id: string, now: number): Watched {
    let watched = this.#watched.get(id);
    if (!watched) {
      watched = { windowAt: now, base: innocent, last: innocent, toldAt: new Map() };
      this.#watched.set(id, watched);
    }
    return watched;
  }
}
