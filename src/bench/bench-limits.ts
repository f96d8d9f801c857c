/**
 * What `npm run bench -- --quick` takes for a gross regression, all of it here. Ratios only, against peers that ran
 * beside evio in the same minute: absolute figures are the machine's. The limits are far from what is measured
 * (docs/benchmarks.md), so that a busy machine does not fail them.
 */
import { ratio, rows, subject, type BenchReport } from './bench-report.js';

/** The two fastest encrypted peers from Debian. */
export const quickPeers: readonly string[] = ['nebula', 'wireguard-go'];

export const limits = {
  /** Evio's TCP throughput over that of the fastest peer, at least. */
  tcpTimes: 3,
  /** Small datagrams per second over those of the fastest peer, at least. */
  udpTimes: 0.5,
  /** Median round trip over that of the quickest peer, at most. */
  pingTimes: 3,
  /** Processor time a gigabit over that of the thriftiest peer, at most. */
  cpuTimes: 0.6,
} as const;

/** One sentence for each limit that is not kept; none when all is well. */
export function regressions(report: BenchReport, peers: readonly string[] = quickPeers): string[] {
  const measured = rows(report);
  if (!measured.some((row) => row.name === subject)) return [`${subject} could not be measured`];
  const present = measured.filter((row) => peers.includes(row.name)).map((row) => row.name);
  if (present.length === 0) return ['there is no peer to compare with'];
  const broken: string[] = [];
  const check = (
    what: string,
    measure: 'tcpMbps' | 'udpPps' | 'pingMs' | 'cpuSecondsPerGbit',
    limit: number,
  ): void => {
    const found = present.map((name) => ratio(report, name, measure).median).filter(Number.isFinite);
    if (found.length === 0) return;
    const isFloor = measure === 'tcpMbps' || measure === 'udpPps';
    const worst = isFloor ? Math.min(...found) : Math.max(...found);
    if (isFloor ? worst >= limit : worst <= limit) return;
    broken.push(
      `${what} is ${worst.toFixed(2)} × that of the best peer, ${isFloor ? 'at least' : 'at most'} ${limit} wanted`,
    );
  };
  check('TCP throughput', 'tcpMbps', limits.tcpTimes);
  check('the rate of small datagrams', 'udpPps', limits.udpTimes);
  check('the median round trip', 'pingMs', limits.pingTimes);
  check('processor time a gigabit', 'cpuSecondsPerGbit', limits.cpuTimes);
  return broken;
}
