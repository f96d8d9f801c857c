/**
 * Which lines of the log say again what the last ones said. A relay that is down for a day fails thousands of times in the
 * same way: the line is written ever more seldom, and tells how often it was left out. No I/O; times are arguments.
 */

/** The same failure is written again after this long, ms; then after twice as long each time, up to the last. */
const firstMs = 10_000;
const lastMs = 600_000;
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
    if (!signs.some((sign) => typeof fields[sign] === 'string')) return 0;
    // Numbers differ each time: when it is tried again, how long it took.
    const texts = Object.entries(fields).filter(([, value]) => typeof value === 'string');
    const key = JSON.stringify([message, texts]);
    const known = this.#known.get(key);
    if (!known || now - known.at > 2 * known.waitMs + lastMs) {
      this.#known.delete(key);
      const [oldest] = this.#known.keys();
      if (oldest !== undefined && this.#known.size >= limit) this.#known.delete(oldest);
      this.#known.set(key, { at: now, waitMs: firstMs, left: 0 });
      return 0;
    }
    if (now - known.at < known.waitMs) {
      known.left++;
      return undefined;
    }
    const { left } = known;
    known.at = now;
    known.left = 0;
    known.waitMs = Math.min(2 * known.waitMs, lastMs);
    return left;
  }
}
