/** What was measured of pairs of sites, and the tables made of it. */
import { kinds, technique, type Kind } from './kinds.js';
import { markdownTable } from './report.js';

/** How long a pair that can be direct may take, ms, from when it is connected. */
export const directWithinMs = 5_000;

export interface Pair {
  readonly pingMs: number | undefined;
  /** As the two ends name it. */
  readonly paths: readonly string[];
  /** From when it was connected until both ends were direct. */
  readonly directMs: number | undefined;
}

export const inTime = ({ directMs }: Pair): boolean => directMs !== undefined && directMs <= directWithinMs;

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;

/** @param share of the sorted values: 0.5 the median, 1 the greatest */
export function quantile(values: readonly number[], share: number): string {
  const sorted = [...values].sort((a, b) => a - b);
  const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  return value === undefined ? '-' : seconds(value);
}

/** All pairs of all runs, by the names of their two kinds. */
export class Pairs {
  readonly #pairs = new Map<string, Pair[]>();

  add(a: Kind, b: Kind, pair: Pair): void {
    const key = keyOf(a, b);
    this.#pairs.set(key, [...(this.#pairs.get(key) ?? []), pair]);
  }

  get all(): Pair[] {
    return [...this.#pairs.values()].flat();
  }

  get connected(): Pair[] {
    return this.all.filter(({ pingMs }) => pingMs !== undefined);
  }

  /** Those that a technique of evio can make direct. */
  get able(): Pair[] {
    return this.#by().flatMap(({ pairs }) => pairs);
  }

  /** Share of those that were direct in time. */
  get share(): number {
    const { able } = this;
    return able.filter(inTime).length / able.length;
  }

  /** Every kind against every kind: how soon the slowest pair was direct, and else by which paths they talk. */
  matrix(): string {
    const cells = kinds.map((a, i) => [
      `**${a.name}**`,
      ...kinds.map((b, j) => (j < i ? '' : this.#cell(a, b))),
    ]);
    return markdownTable([['', ...kinds.map(({ name }) => name)], ...cells]);
  }

  /** How soon pairs were direct, by the technique that makes them so. */
  techniques(): string {
    const rows = new Map<string, Pair[]>();
    for (const { how, pairs } of this.#by()) rows.set(how, [...(rows.get(how) ?? []), ...pairs]);
    const line = (how: string, pairs: readonly Pair[]): string[] => {
      const direct = pairs.filter(inTime);
      const times = direct.map(({ directMs = 0 }) => directMs);
      const share = `${((100 * direct.length) / pairs.length).toFixed(1)} %`;
      const quantiles = [0.5, 0.95, 1].map((at) => quantile(times, at));
      return [how, `${pairs.length}`, share, ...quantiles];
    };
    return markdownTable([
      ['what makes them direct', 'pairs', 'within 5 s', 'p50', 'p95', 'max'],
      ...[...rows].map(([how, pairs]) => line(how, pairs)),
      line('**all**', this.able),
    ]);
  }

  #by(): { how: string; pairs: readonly Pair[] }[] {
    return kinds.flatMap((a, i) =>
      kinds.slice(i).flatMap((b) => {
        const how = technique(a.name, b.name);
        const pairs = this.#pairs.get(keyOf(a, b));
        return how === undefined || !pairs ? [] : [{ how, pairs }];
      }),
    );
  }

  #cell(a: Kind, b: Kind): string {
    const pairs = this.#pairs.get(keyOf(a, b)) ?? [];
    if (pairs.length === 0) return '';
    const lost = pairs.filter(({ pingMs }) => pingMs === undefined).length;
    if (lost > 0) return `**${lost} of ${pairs.length} not connected**`;
    const times = pairs.flatMap(({ directMs }) => directMs ?? []);
    if (technique(a.name, b.name) === undefined && times.length === 0)
      return [...new Set(pairs.flatMap(({ paths }) => paths))].sort().join(', ');
    const late = pairs.filter((pair) => !inTime(pair)).length;
    return late === 0
      ? `direct ${quantile(times, 1)}`
      : `**direct ${pairs.length - late} of ${pairs.length}**`;
  }
}

const keyOf = (a: Kind, b: Kind): string =>
  kinds.indexOf(a) <= kinds.indexOf(b) ? `${a.name} ${b.name}` : `${b.name} ${a.name}`;
