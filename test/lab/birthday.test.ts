/**
 * A NAT that draws a port at random for each destination, and one that lets in only what it sent to: no port can be told or predicted.
 * Many are opened and many tried, and two meet.
 */
import { afterEach, expect, it } from 'vitest';
import type { WhyReport } from '../../src/core/control/schema.js';
import { sleep } from '../../src/lab/exec.js';
import { iperfTcp } from '../../src/lab/measure.js';
import { outage, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet | undefined;
afterEach(async () => {
  await net?.destroy();
  net = undefined;
});

it('become direct by luck, carry TCP, and go by the relay when the way dies', async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' }, { birthday: true });
  const [told] = net.nodes as [TestNode];
  const drawn = await net.add({ nat: 'address-and-port-dependent' });
  await reaches(told, drawn, 10_000);
  // A busy machine may miss the first try; the next is made after half a minute.
  await untilPath(drawn, told, 'direct', 100_000);
  await untilPath(told, drawn, 'direct', 5_000);
  const why = await drawn.node.json<WhyReport>(['why', told.node.name]);
  const said = why.log.filter(({ event }) => event === 'birthday').map(({ detail }) => detail);
  console.log(said.join('\n'));
  expect(said.at(-1)).toContain('a port was hit');
  expect((await peerOf(drawn, told))?.path?.endpoint).toBe(
    why.candidates.find(({ side, kind }) => side === 'remote' && kind === 'reflexive')?.endpoint,
  );
  const sent = await iperfTcp(drawn.ns, told.ns, told.node.ip, { seconds: 1 });
  const back = await iperfTcp(drawn.ns, told.ns, told.node.ip, { seconds: 1, reverse: true });
  console.log(`${sent.mbps.toFixed(0)} and ${back.mbps.toFixed(0)} Mbit/s`);
  expect(Math.min(sent.mbps, back.mbps)).toBeGreaterThan(5);

  const [a, b] = [told.site, drawn.site];
  const gap = await outage(told, drawn, () => (net as TestNet).rig.lab.partition([[a], [b]]), 6_000);
  console.log(`the way died: ${gap.longestMs} ms without an answer`);
  await untilPath(drawn, told, 'relay-udp', 5_000);
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
