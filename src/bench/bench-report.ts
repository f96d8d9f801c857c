/** What `npm run bench` found, as tables for people and as JSON. Pure. */
import { median } from '../lab/measure.js';

/** One contender, one round. `null`: not measured, or nothing of the kind. */
export interface Sample {
  readonly round: number;
  readonly contender: string;
  /** From the start of the second end's program to the first echo reply. */
  readonly connectMs: number | null;
  /** One TCP stream, received. */
  readonly tcpMbps: number;
  readonly retransmits: number;
  /** Processor seconds of the contender's programs (both ends, relay included where there is one) for 10^9 bits. */
  readonly cpuSecondsPerGbit: number | null;
  /** Eight TCP streams. */
  readonly tcp8Mbps: number | null;
  /** One TCP stream in each direction at the same time, their sum. */
  readonly bothWaysMbps: number | null;
  /** One TCP stream over 1 % loss in each direction and 40 ms. */
  readonly lossyMbps: number | null;
  /** Median and 99th percentile, idle and beside one TCP stream. */
  readonly pingMs: number;
  readonly pingP99Ms: number;
  readonly loadedPingMs: number;
  readonly loadedPingP99Ms: number;
  /** Datagrams of 100 bytes received per second, at the highest rate found with at most 1 % lost. */
  readonly udpPps: number;
  readonly udpLossPercent: number;
  /** The same when the sender floods. */
  readonly udpFloodPps: number;
  /** Memory of all its programs after the measurements. */
  readonly residentMiB: number | null;
  /** How its packets went, when it can tell. */
  readonly path: string | null;
}

export interface ContenderInfo {
  readonly name: string;
  readonly layer: 2 | 3;
  readonly encryption: string;
  readonly version: string;
  /** Why there are no samples, if there are none. */
  readonly absent: string | null;
}

/** Memory of one node by the number of its peers; measured apart from the rounds. */
export interface ScalePoint {
  readonly peers: number;
  readonly residentMiB: number;
}

export interface BenchReport {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cpus: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
    /** Congestion control of the TCP streams, tcp(7). */
    readonly congestion: string;
  };
  readonly rounds: number;
  readonly seconds: number;
  readonly contenders: readonly ContenderInfo[];
  readonly samples: readonly Sample[];
  readonly scale?: readonly ScalePoint[];
}

/** The name of the contender that the others are compared with. */
export const subject = 'evio';

type Measure = { [K in keyof Sample]: Sample[K] extends number | null ? K : never }[keyof Sample];

/** A number in the middle of its rounds, and the smallest and largest. NaN when it was not measured. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export function spread(report: BenchReport, contender: string, measure: Measure): Spread {
  const values = report.samples
    .filter((sample) => sample.contender === contender)
    .map((sample) => sample[measure])
    .filter((value): value is number => value !== null && Number.isFinite(value));
  if (values.length === 0) return { median: Number.NaN, min: Number.NaN, max: Number.NaN };
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * Evio divided by another, round by round: rounds drift, and what ran side by side is compared. Above 1 evio has more
 * of it.
 */
export function ratio(report: BenchReport, contender: string, measure: Measure): Spread {
  const values: number[] = [];
  for (const own of report.samples.filter((sample) => sample.contender === subject)) {
    const other = report.samples.find((s) => s.contender === contender && s.round === own.round);
    const quotient = Number(own[measure] ?? Number.NaN) / Number(other?.[measure] ?? Number.NaN);
    if (Number.isFinite(quotient)) values.push(quotient);
  }
  if (values.length === 0) return { median: Number.NaN, min: Number.NaN, max: Number.NaN };
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/** Medians of one contender. NaN: not measured. */
export type Row = { readonly [K in Exclude<Measure, 'round'>]: number } & {
  readonly name: string;
  /** TCP throughput of evio divided by this one's, median over the rounds. */
  readonly evioTimes: number;
  readonly path: string;
};

const measures = [
  'connectMs',
  'tcpMbps',
  'retransmits',
  'cpuSecondsPerGbit',
  'tcp8Mbps',
  'bothWaysMbps',
  'lossyMbps',
  'pingMs',
  'pingP99Ms',
  'loadedPingMs',
  'loadedPingP99Ms',
  'udpPps',
  'udpLossPercent',
  'udpFloodPps',
  'residentMiB',
] as const satisfies readonly Measure[];

/** In the order of the contenders; those that were not measured are left out. */
export function rows(report: BenchReport): Row[] {
  return report.contenders
    .filter((contender) => contender.absent === null)
    .map(({ name }) => {
      const own = report.samples.filter((sample) => sample.contender === name);
      const medians = Object.fromEntries(
        measures.map((measure) => [measure, spread(report, name, measure).median]),
      ) as Record<(typeof measures)[number], number>;
      const path = [...new Set(own.map((sample) => sample.path ?? ''))].join(' ');
      return { ...medians, name, evioTimes: ratio(report, name, 'tcpMbps').median, path };
    });
}

function number(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d)(?<!\.\d*))/g, ' ') : '–';
}

/** `2.10 × (1.95–2.30)`; nothing for evio itself and what was not measured. */
function times(report: BenchReport, name: string, measure: Measure): string {
  const { median: middle, min, max } = ratio(report, name, measure);
  if (name === subject || !Number.isFinite(middle)) return '';
  const range = max > min ? ` (${number(min, 2)}–${number(max, 2)})` : '';
  return `${number(middle, 2)} ×${range}`;
}

function markdown(head: readonly string[], body: readonly (readonly string[])[]): string {
  const widths = head.map((title, i) =>
    Math.max(title.length, ...body.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((w, i) => (i === 0 ? '-'.repeat(w) : `${'-'.repeat(Math.max(1, w - 1))}:`)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
}

/** How much gets through, in Markdown that also reads well in a terminal. */
export function table(report: BenchReport): string {
  const head = ['Mbit/s', 'TCP', 'retr.', 'evio is', '8 TCP', 'both ways', '1 % loss, 40 ms'];
  head.push('UDP 100 B kpps', 'evio is');
  return markdown(
    head,
    rows(report).map((row) => [
      row.name,
      number(row.tcpMbps, 0),
      number(row.retransmits, 0),
      times(report, row.name, 'tcpMbps'),
      number(row.tcp8Mbps, 0),
      number(row.bothWaysMbps, 0),
      number(row.lossyMbps, 1),
      number(row.udpPps / 1_000, 1),
      times(report, row.name, 'udpPps'),
    ]),
  );
}

/** How long it takes and what it costs. */
export function costTable(report: BenchReport): string {
  const head = ['', 'ping ms', 'p99', 'loaded', 'p99', 'connect ms', 'CPU s/Gbit', 'RSS MiB'];
  return markdown(
    head,
    rows(report).map((row) => [
      row.name,
      number(row.pingMs, 2),
      number(row.pingP99Ms, 2),
      number(row.loadedPingMs, 2),
      number(row.loadedPingP99Ms, 2),
      number(row.connectMs, 0),
      number(row.cpuSecondsPerGbit, 2),
      number(row.residentMiB, 0),
    ]),
  );
}

/** Memory that each peer more takes, KiB, from the fewest to the most that were measured. NaN for fewer than two points. */
export function kibPerPeer(scale: readonly ScalePoint[]): number {
  const sorted = [...scale].sort((a, b) => a.peers - b.peers);
  const [first, last] = [sorted[0], sorted.at(-1)];
  if (!first || !last || first === last) return Number.NaN;
  return ((last.residentMiB - first.residentMiB) * 1_024) / (last.peers - first.peers);
}

/** docs/benchmarks.md */
export function document(report: BenchReport): string {
  const { machine } = report;
  const about = report.contenders.map((c) => {
    const layer = c.name === 'bare path' ? 'no tunnel' : `layer ${c.layer}`;
    const rest = [c.version, layer, c.encryption === 'none' ? 'not encrypted' : c.encryption].filter(
      (t) => t !== '',
    );
    return `- **${c.name}**: ${rest.join(', ')}${c.absent === null ? '' : `; not measured: ${c.absent}`}`;
  });
  const paths = rows(report)
    .filter((row) => row.path !== '')
    .map((row) => `${row.name}: ${row.path}`);
  const scale = (report.scale ?? []).map((point) => `| ${point.peers} | ${number(point.residentMiB, 0)} |`);
  return `# Benchmarks

Written by \`npm run bench\`; numbers and every single sample are in [benchmarks.json](benchmarks.json).

${table(report)}

${costTable(report)}

Medians of ${report.rounds} round(s). "evio is" divides evio's figure by the contender's, round by round: the median
and, in parentheses, the smallest and largest round.

- **TCP**: one iperf3 stream for ${report.seconds} s, after one that is not counted; **8 TCP**: eight streams together; **both
  ways**: one stream in each direction at once, their sum; **1 % loss, 40 ms**: one stream while the first site's
  uplink loses 1 % of the packets each way and lengthens the round trip by 40 ms.
- **UDP 100 B**: datagrams of 100 bytes received per second at the highest offered rate at which at most 1 % is lost, by
  bisection in steps of 1 s, the same for all.
- **ping**: median and 99th percentile of 200 probes, 10 ms apart; **loaded**: of 100 beside one TCP stream.
- **connect**: from the start of the second end's program to the first echo reply, start-up of program and interface
  included.
- **CPU**: processor seconds of the contender's programs at both ends for one gigabit of the TCP stream, with what the
  kernel did on their behalf. What has no program has no figure; the kernel's work for VXLAN is nobody's.
- **RSS**: resident memory of all its programs together, after the measurements.

Two machines, each behind its own masquerading NAT router, in network namespaces joined by veth on one computer,
so that both ends and everything between them share its processors: ${machine.cpus} × ${machine.cpu},
${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node},
TCP congestion control ${machine.congestion}, ${report.date}. In each round the
contenders run one after the other, one at a time. Those that need a reachable end were given forwarded ports on
the routers; their packets cross both NATs all the same. Relayed evio has a pair of sites of its own, behind NATs
that leave no other way. Absolute figures differ between machines and from run to run; ratios hold better.

${about.join('\n')}
${paths.length === 0 ? '' : `\nPaths, as \`evio peers\` reports them: ${paths.join('; ')}.\n`}${
    scale.length === 0
      ? ''
      : `\n## Memory by number of peers\n\nOf one evio node with so many peers connected directly, each a session of its own: ${number(
          kibPerPeer(report.scale ?? []),
          0,
        )} KiB a peer.\n\n| peers | RSS MiB |\n| ----: | ------: |\n${scale.join('\n')}\n`
  }`;
}
