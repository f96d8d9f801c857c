/**
 * TCP over a long and lossy link, through evio and bare, by turns: `npm run lossy`, LOSSY_TURNS of LOSSY_SECONDS each. The table goes
 * to docs/connectivity.md. The lab's wire loses packets singly and keeps their order (lab/uplink.ts).
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { iperfTcp, median, ping } from '../../src/lab/measure.js';
import { reaches, TestNet, untilPath, type TestNode } from '../lab/support.js';
import { circumstances, markdownTable, writeSection } from './report.js';

const turns = Number(process.env['LOSSY_TURNS'] ?? '6');
const seconds = Number(process.env['LOSSY_SECONDS'] ?? '10');
const loss = 0.05;
const roundTripMs = 80;
/** So that no processor is the limit, and what packets cost on the line counts as it does in the field. */
const linkMbps = 20;
/** Beside the system's: what most machines have. */
const congestions = (process.env['LOSSY_CONGESTION'] ?? 'cubic bbr').split(' ');

let net: TestNet;
let a: TestNode, b: TestNode;

beforeAll(async () => {
  net = await TestNet.create({ nat: 'public' });
  b = await net.add({ nat: 'public' });
  [a] = net.nodes as [TestNode];
  await reaches(a, b, 15_000);
  await untilPath(a, b, 'direct', 15_000);
  await untilPath(b, a, 'direct', 15_000);
  await a.site.setLoss(loss);
  await a.site.setDelay(roundTripMs / 2);
  await a.site.setRate(linkMbps);
  await reaches(a, b, 15_000);
});
afterAll(async () => {
  await net?.destroy();
});

it('TCP through evio is as quick as bare TCP', async () => {
  const trip = await ping(a.ns, b.site.host.v4 as string, { count: 100, intervalMs: 20 });
  const rows: { congestion: string; bare: number[]; evio: number[] }[] = [];
  for (const congestion of congestions) {
    const row = { congestion, bare: [] as number[], evio: [] as number[] };
    rows.push(row);
    for (let turn = 0; turn < turns; turn++) {
      for (const [to, list] of [
        [b.site.host.v4 as string, row.bare],
        [b.node.ip, row.evio],
      ] as const)
        list.push((await iperfTcp(a.ns, b.ns, to, { seconds, congestion })).mbps);
    }
    const list = (mbps: readonly number[]): string => mbps.map((m) => m.toFixed(2)).join(' ');
    console.log(`${congestion}: bare ${list(row.bare)}, evio ${list(row.evio)}`);
  }
  expect(await untilPath(a, b, 'direct', 1_000)).toBeLessThan(1_000);
  const mean = (list: readonly number[]): number => list.reduce((sum, one) => sum + one, 0) / list.length;
  const table = markdownTable([
    ['congestion control', 'bare, Mbit/s', 'through evio, Mbit/s', 'share', 'medians'],
    ...rows.map(({ congestion, bare, evio }) => [
      congestion,
      mean(bare).toFixed(2),
      mean(evio).toFixed(2),
      (mean(evio) / mean(bare)).toFixed(2),
      `${median(bare).toFixed(2)}, ${median(evio).toFixed(2)}`,
    ]),
  ]);
  const text = `${table}

One TCP stream of ${seconds} s, ${turns} times each, bare and through evio by turns, over a link of ${linkMbps} Mbit/s that loses ${loss * 100} % of the packets each way, one by
one, and has a round trip of ${roundTripMs} ms (measured ${trip.medianMs.toFixed(0)} ms, ${trip.sent - trip.received} of ${trip.sent} pings lost). ${circumstances()}.`;
  console.log(`\n${text}\n`);
  await writeSection('lossy', text);
  for (const { congestion, bare, evio } of rows)
    expect(mean(evio) / mean(bare), congestion).toBeGreaterThanOrEqual(0.7);
});
