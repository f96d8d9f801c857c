/** A site whose way out passes TCP only, and of that nothing that is longer than the least MTU of IPv6, and says nothing of it. */
import { afterEach, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { iperfTcp, ping } from '../../src/lab/measure.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

it('joins, and carries full frames and streams by the relay’s WebSocket', async () => {
  net = await TestNet.create({ nat: 'endpoint-independent' });
  const [a] = net.nodes as [TestNode];
  const b = await net.place({ nat: 'udp-blocked' });
  const off = ['gso', 'tso', 'gro'].flatMap((feature) => [feature, 'off']);
  for (const ns of [b.ns, net.rig.relay.host.ns]) await run(['ethtool', '-K', 'eth0', ...off], { ns });
  const ns = b.site.routers[0] as string;
  const chain = 'type filter hook forward priority 0; meta length > 1280 drop;';
  await run(['nft', `table inet short { chain f { ${chain} }; }`], { ns });
  net.join(b);
  await b.node.up(30_000);
  await untilPath(b, a, 'relay-ws', 10_000);
  await reaches(b, a, 10_000);
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    const { received } = await ping(from.ns, to.node.ip, {
      count: 5,
      size: 1_300,
      intervalMs: 200,
      timeoutMs: 1_000,
    });
    expect(received).toBe(5);
    const { mbps } = await iperfTcp(from.ns, to.ns, to.node.ip, { seconds: 2 });
    console.log(`${mbps.toFixed(0)} Mbit/s`);
    expect(mbps).toBeGreaterThan(3);
  }
});
