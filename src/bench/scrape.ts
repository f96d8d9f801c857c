/**
 * `npm run bench:scrape`: what it costs a node with 500 peers to be scraped. By turns without, each second, and twenty
 * times a second, at full load (echo of all peers at once, full frames): packets a second, processor time of the packet thread
 * for each, and of the control thread. Twenty times the scrapes cost twenty times as much, so that it stands out of the noise of
 * a machine where other programs are, too: a twentieth of it is what a scrape each second costs. Medians of the rounds'
 * ratios, since what drifts is in all turns of a round, and their means with standard errors; what stands in docs/metrics.md
 * comes from here.
 */
import { get } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { median } from '../lab/measure.js';
import { Rig } from '../lab/rig.js';
import { ManyPeers, threadTimes } from './many-peers.js';

const peers = 500;
const rounds = Number(process.env['EVIO_SCRAPE_ROUNDS'] ?? 16);
const load = { members: peers, burst: 16, size: 1_364, window: 256, seconds: 3 } as const;
/** Scrapes a second. */
const often = 20;
const kinds = [0, 1, often] as const;
type Kind = (typeof kinds)[number];

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
  const turn = async (perSecond: Kind): Promise<Turn> => {
    const ask = (): void => void scrape().catch(() => undefined);
    const timer = perSecond === 0 ? undefined : setInterval(ask, 1_000 / perSecond);
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
    await turn(1);
    const all: Record<Kind, Turn>[] = [];
    for (let i = 0; i < rounds; i++) {
      const round: Partial<Record<Kind, Turn>> = {};
      // Which goes first changes, so that what the machine does by and by counts for all.
      for (let j = 0; j < kinds.length; j++) {
        const kind = kinds[(i + j) % kinds.length] as Kind;
        round[kind] = await turn(kind);
      }
      process.stderr.write(`${JSON.stringify(round)}\n`);
      all.push(round as Record<Kind, Turn>);
    }
    const medianOf = (pick: (round: Record<Kind, Turn>) => number): number => median(all.map(pick));
    const percent = (share: number): number => Number((share * 100).toFixed(2));
    /** Mean and standard error. */
    const meanOf = (pick: (round: Record<Kind, Turn>) => number): string => {
      const values = all.map(pick);
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
      return `${percent(mean)} ± ${percent(Math.sqrt(squares / (values.length - 1) / values.length))}`;
    };
    const kind = (which: Kind) => ({
      packetsPerSecond: Math.round(medianOf((round) => round[which].perSecond)),
      packetUs: Number(medianOf((round) => round[which].packetUs).toFixed(3)),
      controlPercent: percent(medianOf((round) => round[which].controlShare)),
    });
    /** What turns of this kind have more than those without. */
    const more = (which: Kind) => ({
      packetsPercent: percent(medianOf((round) => round[which].perSecond / round[0].perSecond - 1)),
      packetTimePercent: percent(medianOf((round) => round[which].packetUs / round[0].packetUs - 1)),
      controlPercent: percent(medianOf((round) => round[which].controlShare - round[0].controlShare)),
    });
    const means = (which: Kind) => ({
      packets: meanOf((round) => round[which].perSecond / round[0].perSecond - 1),
      packetTime: meanOf((round) => round[which].packetUs / round[0].packetUs - 1),
      control: meanOf((round) => round[which].controlShare - round[0].controlShare),
    });
    const twenty = more(often);
    const report = {
      peers,
      rounds,
      without: kind(0),
      eachSecond: { ...kind(1), more: more(1), meanPercent: means(1) },
      often: { perSecond: often, ...kind(often), more: twenty, meanPercent: means(often) },
      aTwentieth: Object.fromEntries(
        Object.entries(twenty).map(([name, value]) => [name, Number((value / often).toFixed(3))]),
      ),
    };
    process.stdout.write(`${JSON.stringify(report)}\n`);
  } finally {
    await many.stop();
  }
} finally {
  await rig.destroy();
}
