/** What `npm run bench` found, as a table for people and as JSON. Pure. */
import { median } from './measure.js';

/** One contender, one round. */
export interface Sample {
  readonly round: number;
  readonly contender: string;
  readonly tcpMbps: number;
  readonly retransmits: number;
  readonly pingMs: number;
  readonly udpPps: number;
  readonly udpLossPercent: number;
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

export interface BenchReport {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cpus: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
  };
  readonly rounds: number;
  readonly seconds: number;
  readonly contenders: readonly ContenderInfo[];
  readonly samples: readonly Sample[];
}

export interface Row {
  readonly name: string;
  readonly tcpMbps: number;
  readonly retransmits: number;
  readonly pingMs: number;
  readonly udpKpps: number;
  /** Throughput of evio divided by this one's; NaN when either is missing. */
  readonly evioTimes: number;
  readonly path: string;
}

/** Medians over the rounds, in the order of the contenders. */
export function rows(report: BenchReport): Row[] {
  const pick = (name: string, of: (sample: Sample) => number): number =>
    median(report.samples.filter((sample) => sample.contender === name).map(of));
  const evioMbps = pick('evio', (s) => s.tcpMbps);
  return report.contenders
    .filter((contender) => contender.absent === null)
    .map(({ name }) => ({
      name,
      tcpMbps: pick(name, (s) => s.tcpMbps),
      retransmits: pick(name, (s) => s.retransmits),
      pingMs: pick(name, (s) => s.pingMs),
      udpKpps: pick(name, (s) => s.udpPps) / 1000,
      evioTimes: evioMbps / pick(name, (s) => s.tcpMbps),
      path: [...new Set(report.samples.filter((s) => s.contender === name).map((s) => s.path ?? ''))].join(
        ' ',
      ),
    }));
}

function number(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d)(?<!\.\d*))/g, ' ') : '–';
}

/** The table, in Markdown that also reads well in a terminal. */
export function table(report: BenchReport): string {
  const head = ['', 'TCP Mbit/s', 'retransmits', 'ping ms', 'UDP 100 B kpps', 'evio is'];
  const body = rows(report).map((row) => [
    row.name,
    number(row.tcpMbps, 0),
    number(row.retransmits, 0),
    number(row.pingMs, 2),
    number(row.udpKpps, 1),
    row.name === 'evio' || !Number.isFinite(row.evioTimes) ? '' : `${number(row.evioTimes, 2)} ×`,
  ]);
  const widths = head.map((title, i) =>
    Math.max(title.length, ...body.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(' | ')} |`;
  const rule = `| ${widths.map((w, i) => (i === 0 ? '-'.repeat(w) : `${'-'.repeat(Math.max(1, w - 1))}:`)).join(' | ')} |`;
  return [line(head), rule, ...body.map(line)].join('\n');
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
  const evioPath = rows(report).find((row) => row.name === 'evio')?.path;
  return `# Benchmarks

Written by \`npm run bench\`; numbers and every single sample are in [benchmarks.json](benchmarks.json).

${table(report)}

Medians of ${report.rounds} round(s); "evio is" compares TCP throughput. One TCP stream for ${report.seconds} s
(iperf3), the average of pings, and datagrams of 100 bytes received per second when the sender floods.

Two machines, each behind its own masquerading NAT router, in network namespaces joined by veth on one computer,
so that both ends and everything between them share its processors: ${machine.cpus} × ${machine.cpu},
${machine.memoryGiB} GiB, Linux ${machine.kernel}, Node ${machine.node}, ${report.date}. In each round the
contenders run one after the other, one at a time. Those that need a reachable end were given forwarded ports on
the routers; their packets cross both NATs all the same. Absolute figures differ between machines and from run to
run; ratios hold better.

${about.join('\n')}
${evioPath === undefined || evioPath === '' ? '' : `\nPath of evio's packets, as \`evio peers\` reports it: ${evioPath}.\n`}`;
}
