/** What an operator says of paths: relays only, no relays, and the default again, while the node runs. */
import { afterEach, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { insideDevice } from '../../src/lab/rules.js';
import { peerOf, pathWord, reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet | undefined;
afterEach(async () => {
  await net?.destroy();
  net = undefined;
});

/** Packets of UDP that leave the first machine for the outer address of the other, or for its inner one, while `deed` runs. */
async function directPackets(from: TestNode, to: TestNode, deed: () => Promise<unknown>): Promise<number> {
  const ns = from.site.routers[0] as string;
  const nft = (text: string): Promise<unknown> => run(['nft', '-f', '-'], { ns, input: text });
  await nft(
    `table inet watch { counter direct { }\nchain forward { type filter hook forward priority -30\n` +
      `iifname ${insideDevice} meta l4proto udp ip daddr { ${to.site.outside.v4}, ${to.site.host.v4} } counter name direct\n}\n}\n`,
  );
  await deed();
  const { stdout } = await run(['nft', 'list', 'counter', 'inet', 'watch', 'direct'], { ns });
  await nft('delete table inet watch');
  return Number(/packets (\d+)/.exec(stdout)?.[1]);
}

it('relays only, no relays, and the default again', async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' });
  const a = net.nodes[0] as TestNode;
  const b = await net.place({ nat: 'endpoint-independent' });

  // Nothing of either side goes to an address of the other, also when the first packets meet.
  net.join(b, ['--relay-only']);
  const sent = await directPackets(b, a, async () => {
    await b.node.up();
    await reaches(a, b, 10_000);
    await sleep(5_000);
  });
  expect(sent).toBe(0);
  expect(pathWord(await peerOf(a, b))).toBe('relay-udp');
  expect(pathWord(await peerOf(b, a))).toBe('relay-udp');
  const why = await a.node.json<{ candidates: { side: string }[] }>(['why', 'n1']);
  expect(why.candidates.filter(({ side }) => side === 'remote')).toEqual([]);

  const back = await b.node.json<{ paths: { relays: string }; changed: boolean }>(['set', '--any-path']);
  expect(back).toMatchObject({ changed: true, paths: { relays: 'any' } });
  await untilPath(b, a, 'direct', 20_000);

  // Where relays carry nothing, there is no path once the direct one is gone, and it comes back by itself.
  for (const node of [a, b]) await node.node.cli(['set', '--no-relay']);
  await untilPath(b, a, 'direct', 20_000);
  await untilPath(a, b, 'direct', 20_000);
  await b.site.blockUdp(true);
  await untilPath(b, a, 'none', 10_000);
  await untilPath(a, b, 'none', 10_000);
  await b.site.blockUdp(false);
  await untilPath(b, a, 'direct', 70_000);
  await reaches(a, b, 5_000);
}, 180_000);
