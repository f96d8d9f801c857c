/**
 * What other members say of their links, made for the page: traffic out of counters, and numbers that stay what they are
 * while little happens, so that a page at rest has nothing to draw.
 */
import type { Testimony } from '../core/control/schema.js';
import type { WebTold } from './model.js';

/** Of two digits; less than that a heartbeat makes. */
const leastRate = 200;
/** A round trip is told anew when it is so much longer or shorter. */
const jitter = 0.25;

interface Known {
  readonly told: WebTold;
  /** When it was said, ms, and how much had passed then, by member. */
  readonly saidAt: number;
  readonly bytes: ReadonlyMap<string, number>;
}

export class Hearsay {
  #known = new Map<string, Known>();

  /** The same objects as before, as far as nothing changed. @param now ms of any clock */
  take(views: readonly Testimony[], now: number): readonly WebTold[] {
    const next = new Map<string, Known>();
    for (const view of views) {
      const saidAt = now - view.ageMs;
      const before = this.#known.get(view.by);
      // Asked for twice, said once.
      const same = before && Math.abs(before.saidAt - saidAt) < 500;
      next.set(view.by, same ? before : knownOf(view, saidAt, before));
    }
    this.#known = next;
    return [...next.values()].map(({ told }) => told);
  }
}

function knownOf({ by, verdict, of, links }: Testimony, saidAt: number, before: Known | undefined): Known {
  const was = new Map(before?.told.links.map((link) => [link.to, link]));
  const seconds = before ? (saidAt - before.saidAt) / 1000 : 0;
  const told: WebTold = {
    by,
    refused: verdict !== 'shown',
    of,
    links: links.map(({ id, path, role, rttMs, bytes }) => ({
      to: id,
      path: path === 'none' ? null : path,
      link: role === 'none' ? null : role,
      rttMs: steady(was.get(id)?.rttMs ?? null, rttMs),
      rate: rateOf(before?.bytes.get(id), bytes, seconds),
    })),
  };
  const same = before && JSON.stringify(before.told) === JSON.stringify(told);
  return {
    told: same ? before.told : told,
    saidAt,
    bytes: new Map(links.map(({ id, bytes }) => [id, bytes])),
  };
}

function steady(was: number | null, ms: number | null): number | null {
  if (was !== null && ms !== null && Math.abs(ms - was) <= was * jitter) return was;
  return ms === null ? null : Math.round(ms * 10) / 10;
}

/** Bytes a second, of two digits. */
function rateOf(was: number | undefined, bytes: number, seconds: number): number {
  if (was === undefined || seconds <= 0) return 0;
  const rate = (bytes - was) / seconds;
  return rate < leastRate ? 0 : Number(rate.toPrecision(2));
}
