/**
 * A way out: all traffic of a machine through a member, IPv4 and IPv6, and none past it, whatever dies.
 *
 *   a ── NAT ──┐
 *              ├── public segment: `far`, a machine without evio
 *   gw ────────┘
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { reaches, TestNet, untilPath, type TestNode } from '../lab/support.js';

interface ExitReport {
  readonly state: string;
  readonly announced: boolean;
  readonly announceFault: string | null;
  readonly offers: readonly { readonly name: string; readonly own: boolean }[];
}

describe('a way out', () => {
  let net: TestNet;
  let gateway: TestNode;
  let a: TestNode;
  let far: TestNode;
  /** Of `far`, and of the machine beside `a` on its LAN. */
  let outside: string;
  let beside: string;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'public' });
    gateway = net.nodes[0] as TestNode;
    a = await net.place({ nat: 'endpoint-independent', hosts: 2, ipv6: true }, 'a');
    net.join(a);
    await a.node.up();
    far = await net.place({ nat: 'public' }, 'far');
    outside = far.site.host.v4 as string;
    beside = a.site.hosts[1]?.v4 as string;
    await reaches(a, gateway, 8_000);
    await untilPath(a, gateway, 'direct', 8_000);
    // What leaves `a` for the outside past the network; evio's own UDP and its relay do.
    await a.site.host.run([
      'nft',
      `add table inet leak; add chain inet leak out { type filter hook postrouting priority 0; }; add rule inet leak out oifname "eth0" meta l4proto { icmp, tcp } ip daddr ${outside} counter; add rule inet leak out oifname "eth0" ip6 daddr ${far.site.host.v6 as string} counter`,
    ]);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const exitOf = ({ node }: TestNode): Promise<ExitReport> => node.json<ExitReport>(['exit', 'status']);

  async function until(what: string, ms: number, done: () => Promise<boolean>): Promise<void> {
    const begun = performance.now();
    while (!(await done())) {
      if (performance.now() - begun > ms) throw new Error(`not after ${ms} ms: ${what}`);
      await sleep(100);
    }
  }

  async function leaked(): Promise<number> {
    const { stdout } = await a.site.host.run(['nft', 'list', 'table', 'inet', 'leak']);
    return [...stdout.matchAll(/counter packets (\d+)/g)].reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Answers to so many pings; none where the kernel refuses to send them. */
  async function pings(to: string, count = 3): Promise<number> {
    const argv = ['ping', '-n', '-c', `${count}`, '-i', '0.1', '-W', '1', to];
    const { stdout } = await run(argv, { ns: a.ns, allowFailure: true });
    return Number(/(\d+) received/.exec(stdout)?.[1] ?? 0);
  }

  /** Rules and routes of ours on `a`. */
  async function traces(): Promise<string> {
    const outputs = await Promise.all(
      [
        ['ip', 'rule', 'show'],
        ['ip', '-6', 'rule', 'show'],
      ].map((argv) => a.site.host.run(argv)),
    );
    return outputs.map(({ stdout }) => stdout).join('');
  }

  /** Without a word to anybody. */
  async function die({ node }: TestNode): Promise<void> {
    const { pid } = (await node.json<{ node: { pid: number } }>(['status'])).node;
    process.kill(pid, 'SIGKILL');
    await node.process?.exited;
  }

  it('is used by who says so, once it is offered', async () => {
    expect(await pings(outside)).toBe(3);
    expect(await leaked()).toBe(3);
    const early = await a.node.cli(['exit', 'use', 'n0', '--json'], { allowFailure: true });
    expect(early.stdout).toContain('EVIO_EXIT');
    const mine = await a.node.cli(['exit', 'announce', '--json'], { allowFailure: true });
    expect(mine.stdout).toContain('EVIO_NO_RIGHT');
    await gateway.site.host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1', 'net.ipv6.conf.all.forwarding=1']);
    await gateway.node.json(['exit', 'announce']);
    await until('it is offered', 4_000, async () => (await exitOf(a)).offers.length === 1);
    expect((await exitOf(gateway)).announceFault).toBeNull();
    await a.node.json(['exit', 'use', 'n0']);
    const before = await leaked();
    await until('it is reached by it', 5_000, async () => (await pings(outside, 1)) === 1);
    expect(await pings(outside)).toBe(3);
    expect(await leaked()).toBe(before);
    expect((await exitOf(a)).state).toBe('active');
    // What comes there is the gateway's.
    const { stdout } = await a.site.host.run(['ip', 'route', 'get', outside]);
    expect(stdout).toContain('dev evio0');
    expect(await pings(gateway.node.ip)).toBe(3);
    await untilPath(a, gateway, 'direct', 5_000);
  });

  it('takes IPv6, too', async () => {
    const six = far.site.host.v6 as string;
    const before = await leaked();
    await until('it is reached', 3_000, async () => (await pings(six, 1)) === 1);
    expect(await leaked()).toBe(before);
  });

  it('leaves the LAN out of reach, but where that is allowed', async () => {
    expect(await pings(beside, 2)).toBe(0);
    await a.node.json(['exit', 'use', 'n0', '--allow-lan']);
    await until('the LAN is reached', 3_000, async () => (await pings(beside, 1)) === 1);
    const before = await leaked();
    expect(await pings(outside)).toBe(3);
    expect(await leaked()).toBe(before);
  });

  it('lets nothing pass when it dies, or the node does, and is taken again', async () => {
    const before = await leaked();
    await die(gateway);
    await sleep(500);
    expect(await pings(outside)).toBe(0);
    expect(await leaked()).toBe(before);
    gateway.node.launch(['node']);
    await gateway.node.up();
    await until('it is back', 20_000, async () => (await pings(outside, 1)) === 1);
    await die(a);
    expect(await pings(outside)).toBe(0);
    expect(await leaked()).toBe(before);
    a.node.launch(['node']);
    await a.node.up();
    await until('it is back', 15_000, async () => (await pings(outside, 1)) === 1);
    expect(await leaked()).toBe(before);
  });

  it('leaves nothing behind: off, after a kill, and when the node stops', async () => {
    await die(a);
    expect(await traces()).toContain('5202');
    const { left } = await a.node.json<{ left: string[] }>(['exit', 'use', 'off']);
    expect(left).toEqual(['n0']);
    expect(await traces()).not.toMatch(/52\d\d:/);
    expect(await pings(outside)).toBe(3);
    a.node.launch(['node']);
    await a.node.up();
    await until('it is offered', 8_000, async () => (await exitOf(a)).offers.length === 1);
    await a.node.json(['exit', 'use', 'n0']);
    expect(await traces()).toContain('5202');
    await a.node.cli(['down']);
    expect(await traces()).not.toMatch(/52\d\d:/);
    await gateway.node.cli(['down']);
    const { stdout } = await gateway.site.host.run(['nft', 'list', 'tables']);
    expect(stdout).not.toContain('evio-exit');
    expect(await firstPing(a.ns, outside, 2_000)).toBeDefined();
  });
});
