/** Ways that break on one side, or in one direction, only: nobody but the two members can notice. Times are printed. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { shell, sleep } from '../../src/lab/exec.js';
import { outage, peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

/** A second and a half on a quiet machine. */
const limitMs = 3_000;

let net: TestNet;
let a: TestNode, b: TestNode, hard: TestNode;
const addresses: string[] = [];

beforeAll(async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' });
  const { rig } = net;
  const site = await rig.lab.site('second', { nat: 'public' });
  rig.lab.names({ 'second.evio.example': site.host });
  const second = rig.node(site.host, 'second');
  const args = ['relay', '--open', '--listen', '[::]:443', '--public', 'second.evio.example:443'];
  const line = await second.launch(args).line(/"event":\s*"listening"/, 20_000);
  const { url } = JSON.parse(line) as { url: string };
  [a] = net.nodes as [TestNode];
  await a.node.cli(['network', 'relay', 'add', url]);
  b = await net.add({ nat: 'endpoint-independent' });
  hard = await net.add({ nat: 'address-and-port-dependent' });
  addresses.push(rig.relay.host.v4 as string, site.host.v4 as string);
  for (const other of [b, hard]) await reaches(a, other, 15_000);
  await untilPath(a, b, 'direct', 15_000);
  await untilPath(b, a, 'direct', 15_000);
  for (const { node } of net.nodes)
    for (const end = performance.now() + 15_000; ; await sleep(200)) {
      const { relays } = await node.json<{ relays: { state: string; transport: string }[] }>(['status']);
      if (relays.length === 2 && relays.every((r) => r.state === 'connected' && r.transport === 'udp')) break;
      if (performance.now() > end) throw new Error(`${node.name} has not both relays`);
    }
});
afterAll(async () => {
  await net?.destroy();
});

/** The site's router drops UDP that matches, and passes all else. */
async function drop({ site }: TestNode, match: string): Promise<void> {
  const rules = `table inet cut { chain forward { type filter hook forward priority 10; ${match} meta l4proto udp drop; }; }`;
  await shell(site.routers.at(-1) ?? '', `nft '${rules}'\n`);
}

async function mend({ site }: TestNode): Promise<void> {
  await shell(site.routers.at(-1) ?? '', 'nft delete table inet cut\n');
}

it('goes on when packets of one direction are lost', async () => {
  const to = a.site.outside.v4 as string;
  const { longestMs, lost } = await outage(a, b, () => drop(b, `ip daddr ${to}`), 4_000);
  console.log(`one direction of a direct path cut: longest gap ${longestMs} ms, ${lost} lost`);
  expect(longestMs).toBeLessThan(limitMs);
  await untilPath(a, b, 'relay-udp', 10_000);
  await mend(b);
});

it('leaves the relay to which one of the two has lost its way', async () => {
  await untilPath(a, hard, 'relay-udp', 10_000);
  const used = (await peerOf(a, hard))?.path?.endpoint ?? '';
  const relay = addresses.find((address) => used.includes(address)) as string;
  const { longestMs, lost } = await outage(a, hard, () => drop(hard, `ip saddr ${relay}`), 4_000);
  expect(lost).toBeGreaterThan(0);
  const at = async (): Promise<string> => (await peerOf(a, hard))?.path?.endpoint ?? '';
  for (const end = performance.now() + 8_000; (await at()) === used; await sleep(200))
    if (performance.now() > end) throw new Error(`still by ${used}`);
  console.log(`way of one member to a relay cut: longest gap ${longestMs} ms, ${lost} lost`);
  expect(longestMs).toBeLessThan(limitMs);
  await mend(hard);
});
