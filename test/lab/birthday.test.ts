/**
 * A NAT that draws a port at random for each destination, and one that lets in only what it sent to: no port can be told or predicted.
 * Many are opened and many tried, and two meet.
 */
import { afterEach, expect, it } from 'vitest';
import type { WhyReport } from '../../src/core/control/schema.js';
import { sleep } from '../../src/lab/exec.js';
import { iperfTcp, ping } from '../../src/lab/measure.js';
import { managed, nodeBegun, restart, rests } from './managed.js';
import { outage, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet | undefined;
afterEach(async () => {
  await net?.destroy();
  net = undefined;
});

/** What became of the path since the process began. */
async function pathsOf(from: TestNode, to: TestNode): Promise<string[]> {
  const { log } = await from.node.json<WhyReport>(['why', to.node.name]);
  return log.filter(({ event }) => event === 'path').map(({ detail }) => detail);
}

it('become direct by luck, carry TCP, are so after an upgrade and a restart, and go by the relay when the way dies', async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' }, { birthday: true });
  const [told] = net.nodes as [TestNode];
  const drawn: TestNode[] = [];
  for (const threads of ['1', '2']) {
    const one = await net.place({ nat: 'address-and-port-dependent' });
    drawn.push(one);
    net.join(one, ['--threads', threads]);
    await one.node.up();
    if (threads === '2') {
      await managed(one.node, () => one.node.launch(['node', '--threads', threads]));
      await one.node.up();
    }
    await reaches(told, one, 10_000);
    // A busy machine may miss the first try; the next is made after half a minute.
    await untilPath(one, told, 'direct', 100_000);
    await untilPath(told, one, 'direct', 5_000);
    const why = await one.node.json<WhyReport>(['why', told.node.name]);
    const said = why.log.filter(({ event }) => event === 'birthday').map(({ detail }) => detail);
    console.log(said.join('\n'));
    expect(said.at(-1)).toContain('a port was hit');
    expect((await peerOf(one, told))?.path?.endpoint).toBe(
      why.candidates.find(({ side, kind }) => side === 'remote' && kind === 'reflexive')?.endpoint,
    );
    const sent = await iperfTcp(one.ns, told.ns, told.node.ip, { seconds: 1 });
    const back = await iperfTcp(one.ns, told.ns, told.node.ip, { seconds: 1, reverse: true });
    console.log(`${threads} threads: ${sent.mbps.toFixed(0)} and ${back.mbps.toFixed(0)} Mbit/s`);
    expect(Math.min(sent.mbps, back.mbps)).toBeGreaterThan(5);
  }

  const [first, second] = drawn as [TestNode, TestNode];
  const before = await Promise.all(drawn.map((one) => peerOf(one, told)));
  for (const { node } of [first, told]) await node.cli(['upgrade']);
  expect(await restart(second.node, nodeBegun)).toMatchObject(rests);
  for (const [i, one] of drawn.entries()) {
    const way = `direct ${before[i]?.path?.endpoint}`;
    // It was never another one.
    expect(await pathsOf(one, told)).toEqual([way]);
    expect(await pathsOf(told, one)).toHaveLength(1);
    expect((await ping(one.ns, told.node.ip, { count: 2 })).received).toBe(2);
    expect((await peerOf(one, told))?.path).toMatchObject({ endpoint: before[i]?.path?.endpoint });
  }

  const sites = drawn.map(({ site }) => site);
  const gap = await outage(
    told,
    first,
    () => (net as TestNet).rig.lab.partition([[told.site], sites]),
    6_000,
  );
  console.log(`the way died: ${gap.longestMs} ms without an answer`);
  for (const one of [first, second]) await untilPath(one, told, 'relay-udp', 5_000);
});

it('is tried where both draw at random and both were told to, and said so; the relay carries meanwhile', async () => {
  net = await TestNet.create({ nat: 'address-and-port-dependent' }, { birthday: true });
  const [a] = net.nodes as [TestNode];
  await a.node.stop();
  a.node.launch(['node', '--birthday']);
  await a.node.up();
  const b = await net.place({ nat: 'address-and-port-dependent' });
  net.join(b, ['--birthday']);
  await b.node.up();
  await reaches(a, b, 15_000);
  const tried = async (from: TestNode, to: TestNode): Promise<boolean> =>
    (await from.node.cli(['why', to.node.name])).stdout.includes(
      `random ones of ${to.site.outside.v4 as string}`,
    );
  for (const end = performance.now() + 20_000; ; await sleep(500)) {
    if ((await tried(a, b)) && (await tried(b, a))) break;
    expect(performance.now()).toBeLessThan(end);
  }
  await reaches(a, b, 5_000);
});
