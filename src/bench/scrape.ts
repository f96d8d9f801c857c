/**
 * `npm run bench:scrape`: what it costs a node with 500 peers to be scraped each second. By turns with and without, at full
 * load (echo of all peers at once, full frames): packets a second, and processor time of the packet thread for each.
 * Medians, since other programs are there, too; what stands in docs/metrics.md comes from here.
 */
import { get } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { median } from '../lab/measure.js';
import { Rig } from '../lab/rig.js';
import { ManyPeers, threadTimes } from './many-peers.js';

const peers = 500;
const pairs = Number(process.env['EVIO_SCRAPE_PAIRS'] ?? 10);
const load = { members: peers, burst: 16, size: 1_364, window: 256, seconds: 3 } as const;
const everyMs = 1_000;

interface Turn {
  readonly perSecond: number;
  /** Processor time for a packet there and its answer, µs: of the packet thread and what helps it, and of the control thread. */
  readonly packetUs: number;
  readonly controlShare: number;
}

const rig = await Rig.create();
try {
  const socketPath = join(rig.folder, 'm.sock');
  const many = await ManyPeers.start(rig, 'many', [], ['--metrics', `unix:${socketPath}`]);
  const scrape = (): Promise<string> =>
    new Promise((resolve, reject) => {
      get({ socketPath, path: '/metrics' }, (response) => resolve(text(response))).on('error', reject);
    });
  const turn = async (scraped: boolean): Promise<Turn> => {
    const timer = scraped ? setInterval(() => void scrape().catch(() => undefined), everyMs) : undefined;
    const before = threadTimes(many.pid);
    const { returned, seconds } = await many.echo(load);
    const after = threadTimes(many.pid);
    clearInterval(timer);
    return {
      perSecond: returned / seconds,
      packetUs: (after.others - before.others) / 1_000 / returned,
      controlShare: (after.control - before.control) / 1e9 / seconds,
    };
  };
  try {
    await many.grow(peers);
    await turn(true);
    const turns: { readonly without: Turn; readonly with: Turn }[] = [];
    for (let i = 0; i < pairs; i++) {
      // Which goes first changes, so that what the machine does by and by counts for both.
      const first = await turn(i % 2 === 0);
      const second = await turn(i % 2 !== 0);
      process.stderr.write(`${JSON.stringify([first, second])}\n`);
      turns.push(i % 2 === 0 ? { with: first, without: second } : { with: second, without: first });
    }
    const medianOf = (pick: (pair: (typeof turns)[number]) => number): number => median(turns.map(pick));
    const summary = (which: 'with' | 'without') => ({
      packetsPerSecond: Math.round(medianOf((pair) => pair[which].perSecond)),
      packetUs: Number(medianOf((pair) => pair[which].packetUs).toFixed(3)),
      controlShare: Number(medianOf((pair) => pair[which].controlShare).toFixed(4)),
    });
    const percent = (ratio: number): number => Number(((ratio - 1) * 100).toFixed(2));
    const report = {
      peers,
      pairs,
      without: summary('without'),
      with: summary('with'),
      // Medians of the pairs' ratios: what drifts is in both of a pair.
      throughputPercent: percent(medianOf((pair) => pair.with.perSecond / pair.without.perSecond)),
      packetTimePercent: percent(medianOf((pair) => pair.with.packetUs / pair.without.packetUs)),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } finally {
    await many.stop();
  }
} finally {
  await rig.destroy();
}
