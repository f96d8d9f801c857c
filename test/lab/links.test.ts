/** Two machines behind one router, and a route that is said to be short. */
import { afterEach, describe, expect, it } from 'vitest';
import { iperfTcp } from '../../src/lab/measure.js';
import { peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

describe('links', () => {
  let net: TestNet | undefined;
  afterEach(async () => {
    await net?.destroy();
    net = undefined;
  });

  it('two machines on one LAN, behind a router that hairpins, talk over the LAN', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent', hosts: 2, hairpin: true });
    const [first] = net.nodes as [TestNode];
    const host = first.site.hosts[1];
    if (!host) throw new Error('the site has one machine only');
    const second: TestNode = { ...first, node: net.rig.node(host, 'second'), ns: host.ns };
    net.nodes.push(second);
    net.join(second);
    await second.node.up();
    await reaches(first, second, 5_000);
    await untilPath(first, second, 'direct', 5_000);
    // What hairpins may answer first; the shorter way is taken soon after.
    for (const [one, other] of [
      [first, second],
      [second, first],
    ] as const) {
      await expect
        .poll(async () => (await peerOf(one, other))?.path?.endpoint, { timeout: 5_000 })
        .toMatch(/^192\.168\./);
    }
  });

  it('a route whose MTU the kernel was told to be short does not stop the stream', async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const second = await net.add({ nat: 'endpoint-independent' });
    const [first] = net.nodes as [TestNode];
    await untilPath(first, second, 'direct', 10_000);
    const { stdout } = await first.site.host.run(['ip', 'route', 'show', 'default']);
    // What a forged "fragmentation needed" does, for every destination.
    await first.site.host.run(['ip', 'route', 'change', ...stdout.trim().split(/\s+/), 'mtu', '1300']);
    const { mbps } = await iperfTcp(first.ns, second.ns, second.node.ip, { seconds: 3 });
    console.log(`route with MTU 1300: ${mbps.toFixed(0)} Mbit/s`);
    expect(mbps).toBeGreaterThan(300);
    await untilPath(first, second, 'direct', 100);
  });
});
