/**
 * The only relay of twenty members who have no other way to each other: killed and started again, and moved to another address
 * under its name. `npm run relay-lost` (two minutes); the table goes to docs/connectivity.md.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { median } from '../../src/lab/measure.js';
import { relayName } from '../../src/lab/rig.js';
import { outage, reaches, TestNet, type TestNode } from '../lab/support.js';
import { circumstances, markdownTable, writeSection } from './report.js';

const members = 20;
const kills = Number(process.env['RELAY_KILLS'] ?? '3');

let net: TestNet;
/** From the kill until the relay listens again: median. */
let startedMs = 0;
const rows: string[][] = [['what happens', 'pairs', 'median', 'longest', 'goal']];

beforeAll(async () => {
  net = await TestNet.create({ nat: 'address-and-port-dependent' });
  while (net.nodes.length < members) {
    const batch: TestNode[] = [];
    for (let i = 0; i < 4 && net.nodes.length < members; i++)
      batch.push(await net.place({ nat: 'address-and-port-dependent' }));
    for (const node of batch) net.join(node);
    await Promise.all(batch.map(({ node }) => node.up(60_000)));
  }
  for (const [from, to] of pairs()) await reaches(from, to, 30_000);
});
afterAll(async () => {
  await net?.destroy();
});

/** Everybody once. */
function pairs(): [TestNode, TestNode][] {
  const { nodes } = net;
  return nodes.slice(0, members / 2).map((node, i) => [node, nodes[i + members / 2] as TestNode]);
}

/** How long each pair had no answer while this happened, ms. */
async function gaps(happen: () => Promise<void>, afterMs: number): Promise<number[]> {
  let happened: Promise<void> | undefined;
  const all = pairs().map(([from, to]) => outage(from, to, () => (happened ??= happen()), afterMs));
  return (await Promise.all(all)).map(({ longestMs }) => longestMs);
}

function report(what: string, times: readonly number[], goal: string): void {
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  rows.push([what, `${times.length}`, seconds(median(times)), seconds(Math.max(...times)), goal]);
  console.log(`${what}: ${times.join(' ')}`);
}

async function kill(): Promise<void> {
  const { process: running } = net.rig.relay;
  process.kill(running?.pid as number, 'SIGKILL');
  await running?.exited;
}

it('killed and started again', async () => {
  const times: number[] = [];
  const starts: number[] = [];
  for (let i = 0; i < kills; i++) {
    times.push(
      ...(await gaps(async () => {
        const begin = performance.now();
        await kill();
        await net.rig.startRelay();
        starts.push(performance.now() - begin);
      }, 12_000)),
    );
    await sleep(3_000);
  }
  report('the only relay is killed, and started again at once', times, '5.0 s');
  startedMs = median(starts);
  expect(median(times)).toBeLessThan(7_500);
});

it('moved to another address', async () => {
  const { lab } = net.rig;
  const host = await lab.publicHost('moved');
  // The same home, so the same key.
  const moved = net.rig.node(host, 'relay');
  const times = await gaps(async () => {
    await kill();
    lab.names({ [relayName]: host });
    const args = ['relay', '--listen', '[::]:443', '--public', `${relayName}:443`];
    await moved.launch(args).line(/"event":\s*"listening"/, 20_000);
  }, 30_000);
  report('its name leads to another address, where it goes on', times, '9.0 s');
  expect(median(times)).toBeLessThan(13_500);
});

it('table', async () => {
  const text = `${markdownTable(rows)}

${members} members whose NATs draw ports at random, in pairs; the longest time without an answer to pings that go every 100 ms, what the relay takes
to start included, which is ${(startedMs / 1_000).toFixed(1)} s (median of ${kills}) for the one that was killed. ${circumstances()}.`;
  console.log(`\n${text}\n`);
  await writeSection('relay-lost', text);
});
