import { expect, it } from 'vitest';
import { costTable, document, ratio, rows, table } from '../../../src/bench/bench-report.js';
import { limits, regressions } from '../../../src/bench/bench-limits.js';
import { udpRate } from '../../../src/bench/bench-sample.js';
import type { BenchReport, Sample } from '../../../src/bench/bench-report.js';

const sample = (contender: string, round: number, tcpMbps: number): Sample => ({
  round,
  contender,
  connectMs: contender === 'evio' ? 700 : null,
  tcpMbps,
  retransmits: round,
  cpuSecondsPerGbit: contender === 'evio' ? 0.5 : 2,
  tcp8Mbps: null,
  bothWaysMbps: null,
  lossyMbps: null,
  pingMs: 0.5,
  pingP99Ms: 1,
  loadedPingMs: 2,
  loadedPingP99Ms: 3,
  udpPps: 12_345,
  udpLossPercent: 0,
  udpFloodPps: 20_000,
  residentMiB: 90,
  path: contender === 'evio' ? 'direct' : null,
});

const report: BenchReport = {
  date: '2026-01-02',
  machine: { cpu: 'Some CPU', cpus: 2, memoryGiB: 24, kernel: '6.18', node: '20.20.2', congestion: 'bbr' },
  rounds: 3,
  seconds: 5,
  contenders: [
    { name: 'evio', layer: 2, encryption: 'AES-256-GCM', version: '', absent: null },
    { name: 'nebula', layer: 3, encryption: 'AES-256-GCM', version: 'Debian nebula 1', absent: null },
    { name: 'tinc', layer: 2, encryption: 'x', version: '', absent: 'could not install tinc' },
  ],
  samples: [
    ...[2000, 9000, 2100].map((mbps, i) => sample('evio', i + 1, mbps)),
    ...[100, 300, 350].map((mbps, i) => sample('nebula', i + 1, mbps)),
  ],
};

it('rows are medians, and say how many times faster evio is', () => {
  const [evio, nebula] = rows(report);
  expect(evio).toMatchObject({ name: 'evio', tcpMbps: 2100, retransmits: 2, evioTimes: 1, path: 'direct' });
  // Round by round: 2000/100, 9000/300, 2100/350.
  expect(nebula?.evioTimes).toBe(20);
  expect(ratio(report, 'nebula', 'tcpMbps')).toEqual({ median: 20, min: 6, max: 30 });
  expect(rows(report)).toHaveLength(2);
});

it('the table lines up', () => {
  for (const text of [table(report), costTable(report)]) {
    const lines = text.split('\n');
    expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  }
  const lines = table(report).split('\n');
  expect(lines[2]).toMatch(/^\| evio +\| +2 100 \| +2 \| +\| +– \| +– \| +– \| +12\.3 \| +\|$/);
  expect(lines[3]).toMatch(/\| 20\.00 × \(6\.00–30\.00\) \|/);
  expect(costTable(report).split('\n')[3]).toMatch(/\| nebula .*\| +– \| +2\.00 \| +90 \|$/);
});

it('the document names the machine, and who could not be measured and why', () => {
  const text = document(report);
  expect(text).toContain('2 × Some CPU');
  expect(text).toContain('not measured: could not install tinc');
});

it('there is no ratio without evio', () => {
  const alone = { ...report, samples: report.samples.filter((s) => s.contender !== 'evio') };
  expect(table(alone)).not.toMatch(/NaN|×/);
});

it('regressions are told by ratio, each in a sentence', () => {
  expect(regressions(report)).toEqual([]);
  const slow = {
    ...report,
    samples: report.samples.map((s) => (s.contender === 'evio' ? { ...s, tcpMbps: 90, pingMs: 9 } : s)),
  };
  const told = regressions(slow);
  expect(told).toHaveLength(2);
  expect(told[0]).toContain(`at least ${limits.tcpTimes}`);
  expect(told[1]).toContain(`at most ${limits.pingTimes}`);
  expect(regressions({ ...report, samples: [] })).toHaveLength(0);
  expect(regressions({ ...report, contenders: [] })).toEqual(['evio could not be measured']);
});

it('the UDP rate is the highest with at most one percent lost', async () => {
  const offered: number[] = [];
  const capacity = 40_000;
  const probe = (mbps: number): Promise<{ pps: number; sentPps: number; lossPercent: number }> => {
    const sentPps = mbps === 0 ? 160_000 : (mbps * 1e6) / 800;
    offered.push(sentPps);
    const pps = Math.min(capacity, sentPps);
    return Promise.resolve({ pps, sentPps, lossPercent: 100 * (1 - pps / sentPps) });
  };
  const found = await udpRate(probe, 8);
  expect(found.pps).toBeGreaterThan(0.98 * capacity);
  expect(found.pps).toBeLessThanOrEqual(capacity);
  expect(found.lossPercent).toBeLessThanOrEqual(1);
  expect(found.floodPps).toBe(capacity);
  expect(offered).toHaveLength(9);
  expect((await udpRate(() => Promise.resolve({ pps: 5, sentPps: 5, lossPercent: 0 }), 8)).pps).toBe(5);
});
