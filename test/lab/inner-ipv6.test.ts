/** IPv6 inside a network, in real kernels: derived addresses that work at once, at the MTU, as long as the interface lives. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { iperfTcp, ping } from '../../src/lab/measure.js';
import { reaches, TestNet, untilPath, type TestNode } from './support.js';

const device = 'evio0';
const mtu = 1_350;
/** Headers of IPv6 and ICMPv6. */
const headers = 48;

interface Named {
  readonly name: string;
  readonly ip6: string;
}

describe('IPv6 inside', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let without: TestNode;
  let own: { node: Named; network: { cidr6: string } };
  let other: Named;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    await net.add({ nat: 'endpoint-independent' });
    without = await net.place({ nat: 'endpoint-independent' });
    await without.site.host.run(['sysctl', '-qw', 'net.ipv6.conf.default.disable_ipv6=1']);
    net.join(without);
    await without.node.up();
    [a, b] = net.nodes as [TestNode, TestNode];
    await reaches(a, b, 5_000);
    await untilPath(a, b, 'direct', 5_000);
    own = await a.node.json(['status']);
    const { peers } = await a.node.json<{ peers: Named[] }>(['peers']);
    other = peers.find(({ name }) => name === b.node.name) as Named;
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const answers = async (size = 56): Promise<number> =>
    (await ping(a.ns, other.ip6, { count: 3, intervalMs: 50, size, dontFragment: true })).received;

  it('gives both ends the addresses that either derives', async () => {
    const theirs = await b.node.json<{ node: Named }>(['status']);
    expect(theirs.node.ip6).toBe(other.ip6);
    const prefix = own.network.cidr6.replace('::/64', ':');
    expect([own.node.ip6.startsWith(prefix), other.ip6.startsWith(prefix)]).toEqual([true, true]);
    const { stdout } = await run(['ip', '-6', '-o', 'addr', 'show', 'dev', device], { ns: a.ns });
    expect(stdout).toContain(`inet6 ${own.node.ip6}/64`);
    expect(stdout).not.toContain('tentative');
  });

  it('carries packets as long as the interface takes', async () => {
    expect(await answers()).toBe(3);
    expect(await answers(mtu - headers)).toBe(3);
    const { mbps } = await iperfTcp(a.ns, b.ns, other.ip6, { seconds: 1 });
    expect(mbps).toBeGreaterThan(1);
    const { received } = await a.node.json<{ received: number }>(['ping', '-c', '1', other.ip6]);
    expect(received).toBe(1);
  });

  it.each([
    ['flushed', 'addr flush dev evio0'],
    ['taken down', 'link set evio0 down'],
    ['made too small for IPv6', 'link set evio0 mtu 1000'],
  ])('has its address again where the interface was %s', async (_name, harm) => {
    const mended = a.node.process?.line(/"interface-mended"/, 5_000);
    await run(['ip', ...harm.split(' ')], { ns: a.ns });
    await mended;
    await expect.poll(() => answers(), { timeout: 5_000 }).toBe(3);
  });

  it('is left out where the machine does without IPv6', async () => {
    await reaches(a, without, 5_000);
    const { stdout } = await run(['ip', '-6', '-o', 'addr', 'show', 'dev', device], { ns: without.ns });
    expect(stdout).toBe('');
  });
});
