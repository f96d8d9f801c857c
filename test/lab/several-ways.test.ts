/** Machines and sites with more than one way out, of which one does not lead where it seems to. */
import { afterEach, describe, expect, it } from 'vitest';
import { shell } from '../../src/lab/exec.js';
import { outage, reaches, TestNet, untilPath, type TestNode } from './support.js';

const cone = { nat: 'endpoint-independent' } as const;
const dual = { ...cone, ipv6: true } as const;
/** Only its IPv6 is a direct way to another of its kind. */
const hardDual = { nat: 'address-and-port-dependent', ipv6: true } as const;

let net: TestNet;
afterEach(async () => {
  await net?.destroy();
});

async function direct(a: TestNode, b: TestNode, withinMs = 5_000): Promise<void> {
  await reaches(a, b, 10_000);
  await untilPath(a, b, 'direct', withinMs);
  await untilPath(b, a, 'direct', withinMs);
}

describe('IPv6 beside IPv4', () => {
  it('does not hide what the NAT of IPv4 does, although the relay is reached by IPv6', async () => {
    net = await TestNet.create(cone);
    const [a] = net.nodes as [TestNode];
    const b = await net.add({ nat: 'sequential-ports', ipv6: true });
    await direct(a, b);
    const nat = async (): Promise<unknown> => (await b.node.json<{ nat: unknown }>(['status'])).nat;
    await expect.poll(nat, { timeout: 5_000, interval: 300 }).toMatchObject({
      mapping: 'address-and-port-dependent',
      filtering: 'address-and-port-dependent',
      ports: 'sequential',
    });
  });

  it.each([
    ['nothing passes', 'meta nfproto ipv6 drop'],
    ['no UDP passes', 'meta nfproto ipv6 meta l4proto udp drop'],
    ['nothing long passes, and nobody is told', 'meta nfproto ipv6 meta length > 1300 drop'],
  ])('of which %s is left for IPv4 within 5 s', async (_, rule) => {
    net = await TestNet.create(dual);
    const [a] = net.nodes as [TestNode];
    const b = await net.place(dual);
    await shell(
      b.site.routers[0],
      `nft -f - <<'EOF'\ntable inet dead { chain forward { type filter hook forward priority -10; ${rule}; }; }\nEOF\n`,
    );
    net.join(b);
    await b.node.up();
    await direct(a, b);
  });

  it.each([
    ['and the old address stays, deprecated', 'addr change OLD/64 dev eth0 preferred_lft 0 valid_lft 7200'],
    ['and the old address goes', 'addr del OLD/64 dev eth0'],
  ])('goes on when the provider gives another prefix, %s', async (_, then) => {
    net = await TestNet.create(hardDual);
    const [a] = net.nodes as [TestNode];
    const b = await net.add(hardDual);
    await direct(a, b);
    const { host, port, routers } = b.site;
    const old = host.v6 as string;
    const { longestMs } = await outage(
      a,
      b,
      async () => {
        const prefix = old.replace(/::.*/, '::/64');
        await shell(
          `${net.rig.lab.prefix}-net`,
          `ip route add 2001:db8:99::/64 via fe80::2 dev ${port}\nip route del ${prefix} dev ${port}\n`,
        );
        await shell(routers[0], 'ip addr add 2001:db8:99::1/64 dev lan0 nodad\n');
        const lines = ['addr add 2001:db8:99::2/64 dev eth0 nodad', then.replace('OLD', old)];
        await shell(host.ns, lines.map((line) => `ip ${line}\n`).join(''));
      },
      4_000,
    );
    expect(longestMs).toBeLessThan(2_000);
    await direct(a, b);
  });
});

describe('two homes behind one CGNAT, with the same addresses inside', () => {
  /** The second machine of the first home has the address that the other home's member has. */
  async function homes(hairpin: boolean): Promise<[TestNode, TestNode]> {
    net = await TestNet.create(cone);
    const cgn = await net.rig.lab.site('cgn', { ...cone, hosts: 2, hairpin, lan: '100.64.9' });
    const carrier = cgn.routers[0] as string;
    const pair: TestNode[] = [];
    for (const i of [0, 1]) {
      const home = await net.place({ ...cone, lan: '192.168.1', hosts: 2 });
      const plug = `ip link del wan0
ip link add wan0 type veth peer name home${i} netns ${carrier}
ip addr add 100.64.9.${100 + i}/24 dev wan0
ip link set wan0 up
ip route add default via 100.64.9.1
`;
      await shell(home.site.routers[0], plug);
      await shell(carrier, `ip link set home${i} master lan0 up\n`);
      pair.push(home);
    }
    const [x, y] = pair as [TestNode, TestNode];
    for (const [n, { ns }] of y.site.hosts.entries())
      await shell(
        ns,
        `ip addr flush dev eth0\nip addr add 192.168.1.${3 - n}/24 dev eth0\nip route add default via 192.168.1.1\n`,
      );
    for (const home of pair) net.join(home);
    for (const { node } of pair) await node.up();
    await reaches(x, y, 10_000);
    return [x, y];
  }

  it('talk by the relay, no frame goes to who has the address of the other, and why says what it is', async () => {
    const [x, y] = await homes(false);
    const { ns } = x.site.hosts[1] as { ns: string };
    // Pings are shorter.
    await shell(
      ns,
      "nft -f - <<'EOF'\ntable ip count { chain in { type filter hook input priority 0; udp length > 400 counter; }; }\nEOF\n",
    );
    const { stdout } = await x.site.host.run(['ping', '-q', '-c', '40', '-i', '0.1', '-s', '900', y.node.ip]);
    expect(stdout).toMatch(/, 40 received/);
    await untilPath(x, y, 'relay-udp', 1_000);
    const listed = await x.site.hosts[1]?.run(['nft', 'list', 'ruleset']);
    expect(listed?.stdout).toContain('packets 0');
    expect((await x.node.cli(['why', y.node.name])).stdout).toContain('the same NAT');
  });

  it('are direct where it turns packets back', async () => {
    const [x, y] = await homes(true);
    await untilPath(x, y, 'direct', 5_000);
    await untilPath(y, x, 'direct', 5_000);
  });
});
