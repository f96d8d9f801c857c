/** Two networks in one process: one is taken down and up, then both go on in another process. The other loses nothing, and is as fast. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { iperfTcp } from '../../src/lab/measure.js';
import { during, expectWhole, flow } from './flow.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet;
let first: TestNode;
let second: TestNode;
/** The id of the other network. */
let other: string;

beforeAll(async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' }, { relay: ['--open'] });
  second = await net.add({ nat: 'endpoint-independent' });
  [first] = net.nodes as [TestNode];
  await reaches(first, second, 10_000);
  await untilPath(first, second, 'direct', 15_000);
  // Made and joined while the first one runs.
  const words = ['init', 'other', '--relay', net.rig.relayUrl, '--cidr', '10.145.0.0/16'];
  const { token, network } = await first.node.json<{ token: string; network: { id: string } }>(words);
  other = network.id;
  await first.node.cli(['up', '--network', 'other']);
  await second.node.cli(['join', token]);
  await meetAgain(0);
});
afterAll(async () => {
  await net?.destroy();
});

/** How often the two met in the other network, as the first one's process tells. */
const meetings = (): number =>
  (first.node.process?.stdout ?? []).filter(
    (line) => line.includes('"peer-connected"') && line.includes(other),
  ).length;

/** They met more than `before` times. Nobody asks for it again and again, which would cost time of the processor. */
const meetAgain = async (before: number): Promise<void> => {
  await first.node.process?.line(() => meetings() > before, 20_000);
};

const begin = () => Promise.all([flow(first, second, 6001), flow(second, first, 6002)]);
const stream = async (mbps?: number): Promise<number> =>
  (await iperfTcp(second.ns, first.ns, first.node.ip, { seconds: 3, port: 5500, ...(mbps && { mbps }) }))
    .mbps;

async function expectWholeWhile(disturb: () => Promise<unknown>): Promise<void> {
  const quiet = await during(begin, () => sleep(1_000));
  const results = await during(begin, () => sleep(300).then(disturb));
  console.log(`${JSON.stringify(results)}; without: ${JSON.stringify(quiet)}`);
  expectWhole(results, quiet);
}

it('one is taken down and up: the other loses no packet, and is as fast', async () => {
  const restart = async (): Promise<void> => {
    await first.node.cli(['down', '--network', 'other']);
    const before = meetings();
    await first.node.cli(['up', '--network', 'other']);
    await meetAgain(before);
  };
  await expectWholeWhile(restart);
  // Both machines, the stream and the commands share the processor here: at half of what goes at most there is room for all.
  const most = await stream();
  const rounds: number[] = [];
  for (let round = 0; round < 3 && !rounds.some((ratio) => ratio >= 0.9); round++) {
    const [mbps] = await Promise.all([stream(most / 2), sleep(300).then(restart)]);
    rounds.push(mbps / (most / 2));
  }
  console.log(`of ${Math.round(most / 2)} Mbit/s: ${rounds.map((ratio) => ratio.toFixed(2)).join()}`);
  expect(Math.max(...rounds)).toBeGreaterThanOrEqual(0.9);
});

it('both go on in another process: neither loses a packet', async () => {
  const status = ['status', '--network', 'other'];
  const { node } = await second.node.json<{ node: { ip: string } }>(status);
  const seen = new Set<number>();
  let twice = 0;
  const pings = first.site.host.launch(['ping', '-n', '-i', '0.005', node.ip], {
    onLine: (line) => {
      const [, seq] = /bytes from .* icmp_seq=(\d+)/.exec(line) ?? [];
      if (seq === undefined) return;
      if (seen.has(Number(seq))) twice++;
      seen.add(Number(seq));
    },
  });
  try {
    await pings.line(/bytes from/, 10_000);
    seen.clear();
    await expectWholeWhile(() => first.node.json(['upgrade']));
  } finally {
    await pings.stop(500);
  }
  const lost = Math.max(...seen) - Math.min(...seen) + 1 - seen.size;
  console.log(`pings in the other network: ${seen.size} answered, ${lost} lost, ${twice} twice`);
  expect(seen.size).toBeGreaterThan(50);
  expect(twice).toBe(0);
  // As with the flows, a machine that is not its own may lose one by itself.
  expect(lost).toBeLessThanOrEqual(seen.size / 200);
});
