/**
 * One real node with five hundred peers: memory, garbage, and what a packet costs. The long form (ten minutes of load) is
 * EVIO_LOAD_SECONDS=600; docs/performance.md has what came of it.
 */
import { get } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kibPerPeer, type ScalePoint } from '../../src/bench/bench-report.js';
import { sleep } from '../../src/lab/exec.js';
import { parseCollection, summarize, type Collection } from '../../src/bench/gc-trace.js';
import { ManyPeers, threadTimes } from '../../src/bench/many-peers.js';
import { quantile } from '../../src/lab/measure.js';
import { Rig } from '../../src/lab/rig.js';
import { PacketCost, type CostPattern } from '../support/packet-cost.js';

const loadSeconds = Number(process.env['EVIO_LOAD_SECONDS'] ?? 8);
/** Five hundred members come in less than this on two processors that are free. */
const calmMs = 25_000;
/** Garbage of so many handshakes is collected when V8 finds the time, ms. */
const tidyMs = 45_000;
/** One turn of the load: long ones would outlast the time-out of an answer. */
const turnSeconds = 20;

describe('a node with many peers', () => {
  let rig: Rig;
  let many: ManyPeers;
  const metricsSocket = (): string => join(rig.folder, 'm.sock');
  const points: ScalePoint[] = [];
  const collections: Collection[] = [];

  beforeAll(async () => {
    rig = await Rig.create({
      onLine: (source, line) => {
        const collection = source === 'manyhub' ? parseCollection(line) : undefined;
        if (collection) collections.push(collection);
      },
    });
    many = await ManyPeers.start(rig, 'many', ['--trace-gc'], ['--metrics', `unix:${metricsSocket()}`]);
  });

  afterAll(async () => {
    await (many as ManyPeers | undefined)?.stop();
    await rig.destroy();
  });

  it('holds five hundred sessions in at most 64 KiB each', async () => {
    // Tried again, it has five hundred from before, and what fifty take is known.
    if (points.length > 0) points.length = 1;
    let hurriedMs = 0;
    for (const [peers, settleMs] of [
      // What all peers need together (compiled code above all) is there with fifty.
      [50, 3_000],
      [500, 4_000],
    ] as const) {
      if (points.some((point) => point.peers === peers)) continue;
      const began = performance.now();
      await many.grow(peers);
      hurriedMs = performance.now() - began;
      await sleep(settleMs);
      points.push({ peers, residentMiB: many.residentMiB() });
    }
    // Where others keep the processors busy, handshakes are tried again and again, and their garbage lies about for long.
    const most = hurriedMs < calmMs ? 64 : 160;
    for (const until = performance.now() + tidyMs; performance.now() < until && kibPerPeer(points) > most;) {
      await sleep(1_000);
      points[1] = { peers: 500, residentMiB: many.residentMiB() };
    }
    const perPeer = kibPerPeer(points);
    const shown = points.map(({ peers, residentMiB }) => `${peers}: ${residentMiB.toFixed(1)} MiB`);
    console.log(
      `memory by peers ${shown.join(', ')}; ${perPeer.toFixed(1)} KiB each, after ${(hurriedMs / 1_000).toFixed(0)} s`,
    );
    expect(perPeer).toBeGreaterThan(1);
    expect(perPeer).toBeLessThanOrEqual(most);
    expect(await many.connected()).toBe(500);
  });

  it('is scraped for some milliseconds of processor, in no more series than a node with one peer', async () => {
    const scrape = (): Promise<string> =>
      new Promise((resolve, reject) => {
        get({ socketPath: metricsSocket(), path: '/metrics' }, (answer) => {
          text(answer).then(resolve, reject);
        }).once('error', reject);
      });
    // Compiled code is there with the first ones.
    for (let i = 0; i < 10; i++) await scrape();
    const idle = await many.idle(2);
    const before = threadTimes(many.pid);
    const began = performance.now();
    const scrapes = 20;
    let shown = '';
    for (let i = 0; i < scrapes; i++) {
      shown = await scrape();
      await sleep(100);
    }
    const after = threadTimes(many.pid);
    const rest = (idle.control + idle.others) * (performance.now() - began);
    const spent = (after.control + after.others - before.control - before.others) / 1e6;
    const each = (spent - rest) / scrapes;
    const series = shown.split('\n').filter((line) => line.startsWith('evio_'));
    console.log(`a scrape of 500 peers: ${each.toFixed(1)} ms of processor, ${series.length} series`);
    expect(shown).toContain('evio_node_peers{network="many",state="connected"} 500');
    expect(series.length).toBeLessThan(160);
    // 11 ms where nothing else runs.
    expect(each).toBeLessThan(60);
  });

  it('rests with them', async () => {
    const { control, others } = await many.idle(3);
    console.log(
      `idle: control thread ${(control * 100).toFixed(1)} %, others ${(others * 100).toFixed(1)} %`,
    );
    expect(control + others).toBeLessThan(0.5);
  });

  it(
    'carries load for all of them without growing, and never stops for garbage',
    { timeout: 900_000 },
    async () => {
      // The heap that began last is the packet thread's.
      const packetHeap = [...new Set(collections.map(({ heap }) => heap))].at(-1) ?? '';
      const warm = { members: 500, burst: 16, window: 256, size: 1_364, seconds: 2 };
      await many.echo(warm);
      const from = collections.length;
      const before = many.residentMiB();
      let [packets, spent, left] = [0, 0, loadSeconds];
      for (; left > 0; left -= turnSeconds) {
        const report = await many.echo({ ...warm, seconds: Math.min(left, turnSeconds) });
        packets += report.returned;
        spent += report.microseconds * report.returned;
        expect(report.returned).toBeGreaterThan(report.sent * 0.8);
      }
      const heap = summarize(collections.slice(from), packetHeap);
      const growth = many.residentMiB() - before;
      console.log(
        `load for ${loadSeconds} s: ${packets} packets echoed, ${(spent / packets).toFixed(1)} µs each; packet thread: ` +
          `${heap.minors} minor collections (longest ${heap.longestMinorMs} ms), ${heap.majors} major (longest ` +
          `${heap.longestMajorMs} ms), heap ${heap.firstMb} to ${heap.lastMb} MB; resident ${growth.toFixed(1)} MiB more`,
      );
      expect(packets).toBeGreaterThan(500 * loadSeconds);
      // A machine that is busy with other things stretches a pause; ten minutes alone on it are in docs/performance.md.
      expect(heap.longestMajorMs).toBeLessThan(50);
      // Between two major collections it is a saw: over minutes the resident memory tells.
      if (heap.minors + heap.majors > 0)
        expect(heap.lastMb - heap.firstMb).toBeLessThan(loadSeconds > 60 ? 20 : 6);
      expect(growth).toBeLessThan(24);
      expect(await many.connected()).toBe(500);
    },
  );
});

describe('the packet loop', () => {
  const one = (size: number): CostPattern => ({ peers: 1, burst: 32, sizes: [size] });
  const all = (size: number): CostPattern => ({ peers: 500, burst: 32, sizes: [size] });

  it.each([100, 1_364])('handles packets of %d bytes for 500 peers as cheaply as for one', (size) => {
    const cost = new PacketCost(500);
    try {
      const patterns = [one(size), all(size)] as const;
      for (const pattern of patterns) cost.measure(pattern, 16_000);
      const costs: number[][] = [[], []];
      let lost = 0;
      for (let round = 0; round < 16; round++) {
        patterns.forEach((pattern, i) => {
          const found = cost.measure(pattern, 16_000);
          costs[i]?.push(...found.each);
          lost += found.lost;
        });
      }
      // The lower quartile: who else uses the machine only ever adds to a batch.
      const [alone = 0, among = 0] = costs.map((each) =>
        quantile(
          each.sort((a, b) => a - b),
          0.25,
        ),
      );
      console.log(
        `${size} bytes: ${alone.toFixed(2)} µs for one peer, ${among.toFixed(2)} µs for 500 (${(among / alone).toFixed(2)})`,
      );
      expect(lost).toBe(0);
      // Caches decide the rest, and who else uses them; anything that grows with the peers would cost many times as much.
      expect(among / alone).toBeLessThan(2);
    } finally {
      cost.close();
    }
  });
});
