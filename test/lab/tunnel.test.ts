/**
 * Routes and interfaces that lead to a peer's address through the network itself: a subnet behind a member, another tunnel on
 * top of ours. No packet of ours may take them, for it would carry itself.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { ping } from '../../src/lab/measure.js';
import { run, shell, sleep } from '../../src/lab/exec.js';
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

  it.each(['vxlan', 'vxlan with many ends'])(
    'by a tunnel on top is not taken, and no packet of ours leaves there: %s',
    async (kind) => {
      const [a, b] = await pair();
      for (const [one, other, n] of [
        [a, b, 1],
        [b, a, 2],
      ] as const) {
        const remote = kind === 'vxlan' ? ['remote', other.node.ip] : [];
        const ip = (...words: string[]) => one.site.host.run(words);
        await shell(
          one.ns,
          `nft 'table inet seen { chain o { type filter hook output priority 0; meta l4proto udp oifname tun7 counter; }; }'\n`,
        );
        await ip(...['ip', 'link', 'add', 'tun7', 'type', 'vxlan', 'id', '7', 'dstport', '4789'], ...remote);
        if (remote.length === 0)
          await ip('bridge', 'fdb', 'append', '00:00:00:00:00:00', 'dev', 'tun7', 'dst', other.node.ip);
        await ip('ip', 'link', 'set', 'tun7', 'mtu', '1280', 'up');
        await ip('ip', 'addr', 'add', `10.77.0.${n}/24`, 'dev', 'tun7');
      }
      const { share, ways } = await watch(a, b, 8);
      // The tunnel itself works.
      expect((await ping(a.ns, '10.77.0.2', { count: 3, intervalMs: 200 })).received).toBe(3);
      expect([...ways].filter((way) => way.startsWith('10.'))).toEqual([]);
      expect(share).toBeGreaterThan(0.98);
      for (const { ns } of [a, b])
        expect((await run(['nft', 'list', 'table', 'inet', 'seen'], { ns })).stdout).toContain(
          'counter packets 0 ',
        );
    },
  );
});
