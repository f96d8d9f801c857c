/** A machine with two default routes by two interfaces: the far side of the preferred one dies without a word, and heals. */
import { afterEach, describe, expect, it } from 'vitest';
import { shell, sleep } from '../../src/lab/exec.js';
import type { LabHost, Site, SiteOptions } from '../../src/lab/site.js';
import { outage, reaches, TestNet, untilPath, type TestNode } from './support.js';

const cone = { nat: 'endpoint-independent' } as const;
const hard = { nat: 'address-and-port-dependent' } as const;
/** Only its IPv6 is a direct way to another of its kind. */
const hardDual = { ...hard, ipv6: true } as const;

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

/** A second way out by the interface `lte0`, through a router of its own. */
async function addUplink({ ns, site }: TestNode, nat: SiteOptions): Promise<Site> {
  const lte = await net.rig.lab.site('lte', { ...nat, hosts: 2, lan: '192.168.77' });
  const router = lte.routers[0] as string;
  const gateway = site.host.v4?.replace(/\d+$/, '1');
  const prefix = lte.host.v6?.replace(/::.*/, '::');
  const v6 = `ip -6 route del default
ip -6 route add default via fe80::1 dev eth0 metric 100
ip addr add ${prefix}9/64 dev lte0 nodad
ip -6 route add default via fe80::1 dev lte0 metric 200
`;
  await shell(
    ns,
    `ip link add lte0 type veth peer name plug netns ${router}
ip link set lte0 up
ip netns exec ${router} ip link set plug master lan0 up
ip addr add 192.168.77.9/24 dev lte0
ip route del default
ip route add default via ${gateway} metric 100
ip route add default via 192.168.77.1 metric 200
${prefix === undefined ? '' : v6}`,
  );
  return lte;
}

/** A machine with two, which reaches the first member of the network in this way. */
async function two(nat: SiteOptions, way: string): Promise<{ near: TestNode; far: TestNode; lte: Site }> {
  net = await TestNet.create(nat);
  const [far] = net.nodes as [TestNode];
  const near = await net.place(nat);
  const lte = await addUplink(near, nat);
  net.join(near);
  await near.node.up();
  await reaches(near, far, 10_000);
  await untilPath(near, far, way, 5_000);
  return { near, far, lte };
}

interface Uplink {
  readonly device: string;
  readonly instead: string;
}
const uplinkOf = async ({ node }: TestNode): Promise<Uplink | undefined> =>
  (await node.json<{ uplink?: Uplink }>(['status'])).uplink;

/** What evio said of it, oldest first: the interface that was taken, `null` for the preferred one. */
const taken = ({ node }: TestNode): (string | null)[] =>
  (node.process?.stderr ?? []).flatMap((line) => {
    if (line.includes('nothing is heard by the preferred way out')) return ['lte0'];
    return line.includes('packets leave by the preferred way out again') ? [null] : [];
  });

/** TCP connections of the machine by its second way out. */
async function secondConnections({ site }: TestNode): Promise<number> {
  const { stdout } = await site.host.run(['ss', '-Htn', 'state', 'established']);
  return stdout.split('\n').filter((line) => line.includes('192.168.77.9')).length;
}

describe('a second uplink', () => {
  it.each([
    ['direct', 'direct', cone],
    ['by the relay', 'relay-udp', hard],
    ['direct by IPv6', 'direct', hardDual],
  ])(
    'is used when the preferred one is dead silently, and left when that is back: %s',
    async (how, way, nat) => {
      const { near, far } = await two(nat, way);
      expect(await uplinkOf(near)).toBeUndefined();

      const died = await outage(near, far, () => near.site.unplug(true), 12_000);
      expect(died.longestMs).toBeLessThan(10_000);
      expect(await uplinkOf(near)).toEqual({ device: 'lte0', instead: 'eth0' });
      const text = 'nothing was heard by eth0';
      expect((await near.node.cli(['status'])).stdout).toContain(text);
      expect((await near.node.cli(['why', far.node.name])).stdout).toContain(text);
      await untilPath(near, far, way, 10_000);

      const begun = performance.now();
      let backMs = Infinity;
      const healed = await outage(
        near,
        far,
        async () => {
          await near.site.unplug(false);
          while ((await uplinkOf(near)) && performance.now() - begun < 60_000) await sleep(500);
          backMs = performance.now() - begun;
        },
        5_000,
      );
      console.log(how, { died, healed, backMs });
      expect(backMs).toBeLessThan(60_000);
      expect(healed.longestMs).toBeLessThan(1_000);
      // The relay's connection does not stay behind.
      await expect.poll(() => secondConnections(near), { timeout: 15_000, interval: 500 }).toBe(0);
      await untilPath(near, far, way, 10_000);
      expect(taken(near)).toEqual(['lte0', null]);
    },
  );

  it('is tried seldom while the machine is offline, and used when it alone comes back', async () => {
    const { near, far, lte } = await two(cone, 'direct');
    await near.site.unplug(true);
    await lte.unplug(true);
    await sleep(40_000);
    // Tried for 10 s, then again after 15 s.
    expect(taken(near).length).toBeGreaterThanOrEqual(2);
    expect(taken(near).length).toBeLessThanOrEqual(4);
    await lte.unplug(false);
    await reaches(near, far, 60_000);
    expect(await uplinkOf(near)).toEqual({ device: 'lte0', instead: 'eth0' });
  });

  it.each([
    ['whose machine says so', 'relay-udp', hard],
    ['and a member is reached directly', 'direct', cone],
  ])('is left alone where the relay dies, %s', async (_, way, nat) => {
    const { near, far } = await two(nat, way);
    await net.rig.relay.stop();
    await sleep(12_000);
    expect(taken(near)).toEqual([]);
    if (way === 'direct') await reaches(near, far, 1_000);
  });

  it('is left alone where all relays are silent, and idle members are reached directly', async () => {
    const { near, far } = await two(cone, 'direct');
    await shell(
      net.rig.relay.host.ns,
      "nft -f - <<'EOF'\ntable inet dead { chain in { type filter hook input priority -10; drop; }; }\nEOF\n",
    );
    await sleep(40_000);
    expect(taken(near)).toEqual([]);
    await reaches(near, far, 1_000);
  });

  it('is left alone while a member of the same LAN is reached, which a pinned socket would cut off', async () => {
    net = await TestNet.create(cone);
    const near = await net.place({ ...cone, hosts: 2 });
    await addUplink(near, cone);
    net.join(near);
    await near.node.up();
    const host = near.site.hosts[1] as LabHost;
    const node = net.rig.node(host, 'beside');
    node.launch(['join', net.token, '--name', 'beside']);
    await node.up();
    const beside: TestNode = { node, site: near.site, kind: 'beside', ns: host.ns };
    await untilPath(near, beside, 'direct', 5_000);
    await near.site.unplug(true);
    await sleep(30_000);
    expect(taken(near)).toEqual([]);
    await reaches(near, beside, 1_000);
  });
});
