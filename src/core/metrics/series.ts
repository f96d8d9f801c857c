/** Series for Prometheus, read at the moment of a scrape. prom-client is loaded only when somebody wants them. */
import type { OpenMetricsContentType, Registry } from 'prom-client';

/** Values of the labels, and the number. */
export type Sample = readonly [labels: Readonly<Record<string, string>>, value: number];

/** One name of the exposition. Counters end with `_total`. */
export interface Series {
  readonly name: string;
  readonly help: string;
  readonly kind: 'gauge' | 'counter';
  readonly labels?: readonly string[];
  /** Called for each scrape; a sample that is left out is not shown. */
  read(): Iterable<Sample>;
}

/** A number without labels. */
export function single(name: string, help: string, read: () => number): Series {
  return { name, help, kind: 'gauge', read: () => [[{}, read()]] };
}

/** Numbers that differ by one label. */
export function labelled(
  kind: Series['kind'],
  name: string,
  help: string,
  label: string,
  read: () => Iterable<readonly [string, number]>,
): Series {
  return {
    name,
    help,
    kind,
    labels: [label],
    *read() {
      for (const [value, count] of read()) yield [{ [label]: value }, count];
    },
  };
}

/** Gives the registry these series. */
export async function register(
  registry: Registry | Registry<OpenMetricsContentType>,
  series: readonly Series[],
): Promise<void> {
  const { Counter, Gauge } = await import('prom-client');
  for (const each of series) {
    const { name, help, kind, labels = [] } = each;
    const common = { name, help, labelNames: [...labels], registers: [registry] };
    if (kind === 'gauge')
      new Gauge({
        ...common,
        collect() {
          this.reset();
          for (const [values, value] of each.read()) this.set(values, value);
        },
      });
    else
      new Counter({
        ...common,
        collect() {
          this.reset();
          for (const [values, value] of each.read()) this.inc(values, value);
        },
      });
  }
}
