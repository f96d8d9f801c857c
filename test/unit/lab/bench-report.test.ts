import { expect, it } from 'vitest';
import { document, rows, table } from '../../../src/lab/bench-report.js';
import type { BenchReport, Sample } from '../../../src/lab/bench-report.js';

const sample = (contender: string, round: number, tcpMbps: number): Sample => ({
  round,
  contender,
  tcpMbps,
  retransmits: round,
  pingMs: 0.5,
  udpPps: 12_345,
  udpLossPercent: 0,
  path: contender === 'evio' ? 'direct' : null,
});

const report: BenchReport = {
  date: '2026-01-02',
  machine: { cpu: 'Some CPU', cpus: 2, memoryGiB: 24, kernel: '6.18', node: '20.20.2' },
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
  expect(nebula?.evioTimes).toBe(7);
  expect(rows(report)).toHaveLength(2);
});

it('the table lines up', () => {
  const lines = table(report).split('\n');
  expect(new Set(lines.map((line) => line.length)).size).toBe(1);
  expect(lines[2]).toMatch(/^\| evio +\| +2 100 \| +2 \| +0\.50 \| +12\.3 \| +\|$/);
  expect(lines[3]).toMatch(/7\.00 × \|$/);
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
