/**
 * How long traffic stands still when a way dies or a machine moves: each disturbance FAILOVER_RUNS times, default 20; the table goes to
 * docs/connectivity.md. Pings go every 100 ms, and the gap is the longest time without an answer beyond that. In brief (in the lab of
 * npm test) each once, and each must hold.
 */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { outage, peerOf, reaches, TestNet, untilPath, type TestNode } from '../lab/support.js';
import { brief, circumstances, markdownTable, writeSection } from './report.js';

const runs = Number(process.env['FAILOVER_RUNS'] ?? (brief ? '1' : '20'));
const sleepS = Number(process.env['FAILOVER_SLEEP_S'] ?? (brief ? '10' : '60'));
/** They sleep side by side, and wake one after the other. */
const sleepers = Math.min(7, runs);
const wakeEveryMs = 1_500;

interface Row {
  readonly what: string;
  readonly goalMs: number;
  readonly gaps: number[];
}
const rows: Row[] = [];

let net: TestNet;
/** Two behind NATs that let direct paths be, two whose ports are random: by relays only. */
let a: TestNode, b: TestNode, x: TestNode, y: TestNode;

beforeAll(async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' });
  const { rig } = net;
  const site = await rig.lab.site('second', { nat: 'public' });
  rig.lab.names({ 'second.evio.example': site.host });
  const second = rig.node(site.host, 'second');
  const running = second.launch([
    'relay',
    '--open',
    '--listen',
    '[::]:443',
    '--public',
    'second.evio.example:443',
  ]);
  const { url } = JSON.parse(await running.line(/"event":\s*"listening"/, 20_000)) as { url: string };
  [a] = net.nodes as [TestNode];
  await a.node.cli(['network', 'relay', 'add', url]);
  b = await net.add({ nat: 'endpoint-independent' });
  x = await net.add({ nat: 'address-and-port-dependent' });
  y = await net.add({ nat: 'address-and-port-dependent' });
  for (const [one, other] of [
    [a, b],
    [x, y],
  ] as const)
    await reaches(one, other, 15_000);
});
afterAll(async () => {
  await net?.destroy();
});

/** Disturbs and heals again and again; `settled` waits until the next may come. */
async function repeat(
  what: string,
  goalMs: number,
  [from, to]: readonly [TestNode, TestNode],
  disturb: (run: number) => Promise<void>,
  settled: () => Promise<unknown>,
): Promise<void> {
  const row: Row = { what, goalMs, gaps: [] };
  rows.push(row);
  for (let run = 0; run < runs; run++) {
    const { longestMs } = await outage(from, to, () => disturb(run), goalMs + 2_000);
    row.gaps.push(longestMs);
    await settled();
  }
  told(row);
}

function told({ what, goalMs, gaps }: Row): void {
  console.log(`${what}: ${gaps.join(' ')}`);
  if (brief) expect(Math.max(...gaps)).toBeLessThanOrEqual(goalMs);
}

const bothRelays = async (node: TestNode): Promise<void> => {
  for (const end = performance.now() + 40_000; performance.now() < end; await sleep(300)) {
    const { relays } = await node.node.json<{ relays: { state: string }[] }>(['status']);
    if (relays.length === 2 && relays.every(({ state }) => state === 'connected')) return;
  }
  throw new Error(`${node.node.name} has not both relays`);
};

it('direct path cut silently', async () => {
  await untilPath(a, b, 'direct', 15_000);
  await repeat(
    'direct path cut silently, both still reach the relays',
    3_000,
    [a, b],
    () => net.rig.lab.partition([[a.site], [b.site]]),
    async () => {
      await net.rig.lab.partition([]);
      // What failed is tried again when addresses change, or after a minute.
      await b.site.changeAddress();
      await untilPath(a, b, 'direct', 90_000);
    },
  );
});

it('relay cut silently', async () => {
  for (const node of [x, y]) await bothRelays(node);
  const first = net.rig.relay.host.site;
  const second = net.rig.lab.sites.find(({ name }) => name === 'second') as typeof first;
  await repeat(
    'relay in use cut silently, another one is up',
    3_000,
    [x, y],
    async () => {
      const { endpoint = '' } = (await peerOf(x, y))?.path ?? {};
      await (endpoint.includes(first.host.v4 as string) ? first : second).unplug(true);
    },
    async () => {
      await first.unplug(false);
      await second.unplug(false);
      for (const node of [x, y]) await bothRelays(node);
      await sleep(2_000);
    },
  );
});

it('address changes', async () => {
  await untilPath(a, b, 'direct', 60_000);
  const again = (): Promise<unknown> => untilPath(a, b, 'direct', 60_000);
  await repeat('one site gets another public address', 2_000, [a, b], () => b.site.changeAddress(), again);
  await repeat(
    'both sites get other addresses at once',
    5_000,
    [a, b],
    async () => {
      await Promise.all([a.site.changeAddress(), b.site.changeAddress()]);
    },
    again,
  );
});

it('sleep', async () => {
  const goalMs = 2_000;
  const what = `${sleepS} s of SIGSTOP, and the NAT forgets it; from waking on`;
  const row: Row = { what, goalMs, gaps: [] };
  rows.push(row);
  const asleep: TestNode[] = [];
  for (let i = 0; i < sleepers; i++) asleep.push(await net.add({ nat: 'endpoint-independent' }));
  for (let left = runs; left > 0; left -= sleepers) {
    const round = asleep.slice(0, left);
    for (const node of round) await untilPath(a, node, 'direct', 60_000);
    const outages = round.map(async (node, i) => {
      const pid = node.node.process?.pid as number;
      const { longestMs } = await outage(
        a,
        node,
        async () => {
          process.kill(pid, 'SIGSTOP');
          await sleep(sleepS * 1_000 + i * wakeEveryMs);
          await node.site.flushNat();
          process.kill(pid, 'SIGCONT');
        },
        goalMs + 2_000,
      );
      return Math.max(0, longestMs - sleepS * 1_000 - i * wakeEveryMs);
    });
    row.gaps.push(...(await Promise.all(outages)));
  }
  told(row);
});

async function table(): Promise<void> {
  const seconds = (ms: number): string => (ms / 1_000).toFixed(1);
  const at = (gaps: readonly number[], share: number): string =>
    seconds(
      [...gaps].sort((one, other) => one - other)[
        Math.min(gaps.length - 1, Math.floor(gaps.length * share))
      ] ?? 0,
    );
  const lines = markdownTable([
    ['what happens', 'runs', 'p50', 'p95', 'longest', 'goal'],
    ...rows.map(({ what, goalMs, gaps }) => [
      what,
      String(gaps.length),
      `${at(gaps, 0.5)} s`,
      `${at(gaps, 0.95)} s`,
      `${seconds(Math.max(...gaps))} s`,
      `${seconds(goalMs)} s`,
    ]),
  ]);
  const text = `${lines}\n\nThe longest time without an answer to pings that go every 100 ms. ${circumstances()}.`;
  console.log(`\n${text}\n`);
  await writeSection('failover', text);
  // The goals are for a machine that does nothing else.
  for (const { what, gaps, goalMs } of rows)
    expect(gaps.filter((gap) => gap <= 1.5 * goalMs).length / gaps.length, what).toBeGreaterThanOrEqual(0.5);
}

if (!brief) it('table', table);
