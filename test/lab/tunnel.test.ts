/**
 * Routes and interfaces that lead to a peer's address through the network itself: a subnet behind a member, another tunnel on
 * top of ours. No packet of ours may take them, for it would carry itself.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { ping } from '../../src/lab/measure.js';
import { sleep } from '../../src/lab/exec.js';
import { peerOf, reaches, TestNet, untilPath, type TestNode } from './support.js';

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

async function pair(): Promise<[TestNode, TestNode]> {
  net = await TestNet.create({ nat: 'endpoint-independent' });
  await net.add({ nat: 'endpoint-independent' });
  const [a, b] = net.nodes as [TestNode, TestNode];
  await reaches(a, b, 5_000);
  await untilPath(a, b, 'direct', 5_000);
  return [a, b];
}

/** Pings for so long, meanwhile: how many of the answers came, and where the path ever led. */
async function watch(
  a: TestNode,
  b: TestNode,
  seconds: number,
): Promise<{ share: number; ways: Set<string> }> {
  const ways = new Set<string>();
  let over = false;
  const looking = (async () => {
    while (!over) {
      ways.add((await peerOf(a, b))?.path?.endpoint ?? 'none');
      await sleep(400);
    }
  })();
  const count = seconds * 20;
  const { received } = await ping(a.ns, b.node.ip, { count, intervalMs: 50 });
  over = true;
  await looking;
  return { share: received / count, ways };
}

describe('a way to a peer through the network itself', () => {
  it('by routes for each other’s LAN is not taken', async () => {
    const [a, b] = await pair();
    for (const [one, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const lan = (other.site.host.v4 as string).replace(/\d+$/, '0/24');
      await one.site.host.run(['ip', 'route', 'add', lan, 'via', other.node.ip, 'dev', 'evio0']);
    }
    const { share, ways } = await watch(a, b, 12);
    expect([...ways].filter((way) => way.startsWith('192.168.') || way.startsWith('10.144.'))).toEqual([]);
    expect(share).toBeGreaterThan(0.98);
    const status = await a.node.json<{ device: { drops: Record<string, number> } }>(['status']);
    expect(status.device.drops['own-packet']).toBeGreaterThan(0);
  });

  it('by a VXLAN on top is left for a while each time that it failed', async () => {
    const [a, b] = await pair();
    for (const [one, other, n] of [
      [a, b, 1],
      [b, a, 2],
    ] as const) {
      const add = ['ip', 'link', 'add', 'vx0', 'type', 'vxlan', 'id', '7', 'dstport', '4789'];
      await one.site.host.run([...add, 'remote', other.node.ip]);
      await one.site.host.run(['ip', 'addr', 'add', `10.77.0.${n}/24`, 'dev', 'vx0']);
      await one.site.host.run(['ip', 'link', 'set', 'vx0', 'mtu', '1280', 'up']);
    }
    const { share, ways } = await watch(a, b, 40);
    console.log(`vxlan: ${(100 * share).toFixed(1)} % answered, ways ${[...ways].join(', ')}`);
    // Each time that it is taken costs a second or two; it is taken ever more seldom.
    expect(share).toBeGreaterThan(0.5);
  });
});
