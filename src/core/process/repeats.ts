/**
 * Which lines of the log say again what the last ones said. A relay that is down for a day fails thousands of times in the
 * same way: the line is written ever more seldom (lib/pace.ts), and tells how often it was left out. What counts for itself, and
 * says so by a field `count`, keeps the same pace by itself, and is never left out. No I/O; times are arguments.
 */
import { firstPauseMs, lastPauseMs, longerPause } from '../lib/pace.js';

/** Failures that are kept in mind; the one that came first goes. */
const limit = 256;

interface Known {
  at: number;
  waitMs: number;
  left: number;
}

/** What makes a line one of a failure: the others tell of something that happened, and are all written. */
const signs = ['reason', 'error', 'code'] as const;

export class Repeats {
  readonly #known = new Map<string, Known>();

  /**
   * @returns undefined: the line is left out; else how often it was left out since it was written last
   */
  pass(now: number, message: string, fields: Readonly<Record<string, unknown>>): number | undefined {
    if (typeof fields['count'] === 'number') return 0;
    if (!signs.some((sign) => typeof fields[sign] === 'string')) return 0;
    // Numbers differ each time: when it is tried again, how long it took.
    const texts = Object.entries(fields).filter(([, value]) => typeof value === 'string');
    const key = JSON.stringify([message, texts]);
    const known = this.#known.get(key);
    if (!known || now - known.at > 2 * known.waitMs + lastPauseMs) {
      this.#known.delete(key);
      const [oldest] = this.#known.keys();
      if (oldest !== undefined && this.#known.size >= limit) this.#known.delete(oldest);
      this.#known.set(key, { at: now, waitMs: firstPauseMs, left: 0 });
      return 0;
    }
    if (now - known.at < known.waitMs) {
      known.left++;
      return undefined;
    }
    const { left } = known;
    known.at = now;
    known.left = 0;
    known.waitMs = longerPause(known.waitMs);
    return left;
  }
}
