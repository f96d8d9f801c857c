/**
 * Twenty-four hours of life in miniature, `npm run day`: for DAY_SECONDS (300) something happens every few seconds, drawn by DAY_SEED,
 * to sites whose NATs forget what is quiet for 30 s and give another port then, and to two relays. One TCP connection per pair
 * lives through all of it. The table goes to docs/connectivity.md. `npm test` has it for three quarters of a minute.
 */
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep, type LabProcess } from '../../src/lab/exec.js';
import { median } from '../../src/lab/measure.js';
import type { Site } from '../../src/lab/site.js';
import { reaches, TestNet, type TestNode } from '../lab/support.js';
import { brief, circumstances, markdownTable, writeSection } from './report.js';

const seconds = Number(process.env['DAY_SECONDS'] ?? (brief ? '45' : '300'));
const seed = Number(process.env['DAY_SEED'] ?? '1');
const talk = fileURLToPath(new URL('../support/long-talk.mjs', import.meta.url));
const port = 2222;
const everyMs = 250;
/** How long it takes after the last thing until every connection must have been answered. */
const settleMs = 20_000;

let net: TestNet;
let second: Site;
let restartSecond: () => Promise<void>;

const nat = (kind: 'endpoint-independent' | 'address-and-port-dependent') =>
  ({ nat: kind, udpTimeoutS: 30 }) as const;

beforeAll(async () => {
  net = await TestNet.create(nat('endpoint-independent'));
  const { rig } = net;
  second = await rig.lab.site('second', { nat: 'public' });
  rig.lab.names({ 'second.evio.example': second.host });
  const relay = rig.node(second.host, 'second');
  const args = ['relay', '--open', '--listen', '[::]:443', '--public', 'second.evio.example:443'];
  const listening = async (): Promise<string> => {
    const line = await relay.launch(args).line(/"event":\s*"listening"/, 20_000);
    return (JSON.parse(line) as { url: string }).url;
  };
  const url = await listening();
  restartSecond = async () => {
    await killed(relay.process);
    await listening();
  };
  const [first] = net.nodes as [TestNode];
  await first.node.cli(['network', 'relay', 'add', url]);
  for (const kind of [
    'endpoint-independent',
    'address-and-port-dependent',
    'address-and-port-dependent',
  ] as const)
    await net.add(nat(kind));
  for (const [one, other] of pairs()) await reaches(one, other, 20_000);
});
afterAll(async () => {
  await net?.destroy();
});

function pairs(): [TestNode, TestNode][] {
  return net.nodes.flatMap((one, i) =>
    net.nodes.slice(i + 1).map((other): [TestNode, TestNode] => [one, other]),
  );
}

async function killed(process_: LabProcess | undefined): Promise<void> {
  const pid = process_?.pid;
  if (pid !== undefined) process.kill(pid, 'SIGKILL');
  await process_?.exited;
}

/** mulberry32: the same day for the same seed. */
function drawn(state: number): () => number {
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

it('a long-lived connection of every pair survives a day', async () => {
  const unit = drawn(seed);
  const one = <T>(of: readonly T[]): T => of[Math.floor(unit() * of.length)] as T;
  const counts = new Map<string, number>();
  const events: readonly (readonly [name: string, weight: number, happen: () => Promise<unknown>])[] = [
    ['another public address of a site', 4, () => one(net.nodes).site.changeAddress()],
    ['NAT of a site forgets everything', 2, () => one(net.nodes).site.flushNat()],
    ['NAT of a site gives every mapping another port', 2, () => one(net.nodes).site.movePorts()],
    [
      'relay killed, started again',
      2,
      async () => {
        if (unit() < 0.5) return restartSecond();
        await killed(net.rig.relay.process);
        await net.rig.startRelay();
        return undefined;
      },
    ],
    [
      'a site unplugged for 3 s',
      1,
      async () => {
        const { site } = one(net.nodes);
        await site.unplug(true);
        await sleep(3_000);
        await site.unplug(false);
      },
    ],
    [
      'a machine asleep for 5 s',
      1,
      async () => {
        const { node, site } = one(net.nodes);
        const pid = node.process?.pid as number;
        process.kill(pid, 'SIGSTOP');
        await sleep(5_000);
        await site.flushNat();
        process.kill(pid, 'SIGCONT');
      },
    ],
    [
      'both relays cut silently for 4 s',
      1,
      async () => {
        const relays = [net.rig.relay.host.site, second];
        for (const site of relays) await site.unplug(true);
        await sleep(4_000);
        for (const site of relays) await site.unplug(false);
      },
    ],
  ];
  const bag = events.flatMap((event) => new Array<typeof event>(event[1]).fill(event));

  const servers = net.nodes.map(({ site }) => site.host.launch([process.execPath, talk, 'serve', `${port}`]));
  for (const server of servers) await server.line(/serving/, 10_000);
  const calls = pairs().map(([from, to]) => ({
    name: `${from.node.name} (${from.kind}) to ${to.node.name} (${to.kind})`,
    process: from.site.host.launch([process.execPath, talk, 'call', to.node.ip, `${port}`, `${everyMs}`]),
  }));
  for (const call of calls) await call.process.line(/connected/, 20_000);

  const end = performance.now() + seconds * 1_000;
  while (performance.now() < end) {
    const [name, , happen] = one(bag);
    counts.set(name, (counts.get(name) ?? 0) + 1);
    console.log(`${Math.round(seconds - (end - performance.now()) / 1_000)} s: ${name}`);
    await happen();
    await sleep(3_000 + unit() * 6_000);
  }
  await sleep(settleMs);
  interface Told {
    readonly why: string;
    readonly sent: number;
    readonly answered: number;
    readonly longestMs: number;
  }
  const told: (Told & { name: string })[] = [];
  for (const { name, process: running } of calls) {
    await running.stop(3_000);
    const line = running.stdout.findLast((text) => text.startsWith('{')) ?? '{"why":"said nothing"}';
    told.push({ name, ...(JSON.parse(line) as Told) });
  }
  for (const server of servers) await server.stop(1_000);
  console.log(told);
  for (const { name, why, sent, answered } of told) {
    expect(why, name).toBe('done');
    // The last lines are on their way.
    expect(sent - answered, name).toBeLessThan(3_000 / everyMs);
  }
  const waits = told.map(({ longestMs }) => longestMs);
  const text = `${markdownTable([
    ['what happened', 'times'],
    ...[...counts].sort(([x], [y]) => x.localeCompare(y)).map(([name, times]) => [name, String(times)]),
  ])}

${calls.length} connections between ${net.nodes.length} sites (two behind NATs of endpoint-independent mapping, two of random ports; mappings that are quiet for
30 s are gone) lived through ${seconds} s of this, seed ${seed}: ${told.reduce((sum, { sent }) => sum + sent, 0)} lines, each answered once and in order. The longest wait for an
answer, TCP's own pauses between its attempts included: ${(Math.max(...waits) / 1_000).toFixed(1)} s, in the median connection ${(median(waits) / 1_000).toFixed(1)} s. ${circumstances()}.`;
  console.log(`\n${text}\n`);
  await writeSection('day', text);
});
