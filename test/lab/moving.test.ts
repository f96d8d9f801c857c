/** What moves under a running node: the clock of the machine, the ports of its router. Times are printed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { clockOf, hasFakeTime } from '../support/fake-time.js';
import { outage, pathWord, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

const cone = { nat: 'endpoint-independent' } as const;

let net: TestNet;
afterEach(() => net?.destroy());

async function direct(a: TestNode, b: TestNode): Promise<void> {
  await reaches(a, b, 10_000);
  await untilPath(a, b, 'direct', 15_000);
  await untilPath(b, a, 'direct', 15_000);
}

it.runIf(hasFakeTime())('a clock that jumps, forth and back, is no gap', async () => {
  net = await TestNet.create(cone);
  const [a] = net.nodes as [TestNode];
  const b = await net.place(cone);
  const file = join(net.rig.folder, 'clock');
  writeFileSync(file, '+0\n');
  b.node.environment = clockOf({ FAKETIME_TIMESTAMP_FILE: file, FAKETIME_CACHE_DURATION: '1' });
  net.join(b);
  await b.node.up();
  await direct(a, b);
  const pid = b.node.process?.pid;
  for (const jump of ['+2h', '-2h']) {
    const { longestMs } = await outage(
      a,
      b,
      async () => {
        writeFileSync(file, `${jump}\n`);
        await sleep(1_000);
      },
      2_000,
    );
    console.log(`clock ${jump}: longest gap ${longestMs} ms`);
    // What is logged next has the date that the node believes: the jump did arrive there.
    const log = b.node.process?.stderr ?? [];
    const lines = log.length;
    await run(['ip', 'link', 'set', 'evio0', 'mtu', '1000'], { ns: b.ns });
    await expect.poll(() => log.length, { timeout: 10_000 }).toBeGreaterThan(lines);
    const { time } = JSON.parse(log[lines] ?? '{}') as { time?: string };
    const aheadMs = Date.parse(time ?? '') - Date.now();
    expect(Math.abs(aheadMs - Number.parseInt(jump) * 3_600_000)).toBeLessThan(60_000);
    expect(longestMs).toBeLessThan(3_000);
    expect(pathWord(await peerOf(a, b))).toBe('direct');
  }
  expect(b.node.process?.pid).toBe(pid);
});

it('why tells how much of a path is lost', async () => {
  net = await TestNet.create(cone);
  const [a] = net.nodes as [TestNode];
  const b = await net.add(cone);
  await direct(a, b);
  const loss = async (): Promise<{ asked: number; unanswered: number }> =>
    (await a.node.json<{ loss: { asked: number; unanswered: number } }>(['why', b.node.name])).loss;
  // Frames that nobody answers have the path asked twice a second.
  await b.site.setLoss(0.3);
  const busy = a.site.host.launch(['ping', '-n', '-i', '0.2', b.node.ip]);
  await expect
    .poll(async () => (await loss()).unanswered, { timeout: 40_000, interval: 1_000 })
    .toBeGreaterThan(0);
  expect((await a.node.cli(['why', b.node.name])).stdout).toMatch(/\d+ of \d+ pings lost/);
  await busy.stop(500);
});

it('goes on when the router moves its ports, again and again', async () => {
  net = await TestNet.create(cone);
  const [a] = net.nodes as [TestNode];
  const b = await net.add(cone);
  await direct(a, b);
  for (let round = 0; round < 2; round++) {
    const before = (await peerOf(a, b))?.path?.endpoint;
    const { longestMs } = await outage(a, b, () => b.site.movePorts(), 4_500);
    console.log(`ports moved: longest gap ${longestMs} ms`);
    expect(longestMs).toBeLessThan(4_500);
    await direct(a, b);
    expect((await peerOf(a, b))?.path?.endpoint).not.toBe(before);
  }
});
