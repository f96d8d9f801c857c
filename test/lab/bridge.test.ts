/**
 * What a member does for its machine beside being one: LANs bridged at layer 2, where machines without evio are neighbours of each
 * other and of members; all traffic through a member. Nothing is left on the machine. In full: test/matrix/local.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { firstPing, iperfTcp } from '../../src/lab/measure.js';
import { lanRig, leftover, untilLan, type LanRig } from '../support/lan-rig.js';

describe('a LAN behind a member', () => {
  let rig: LanRig;
  beforeAll(async () => {
    rig = await lanRig(['a', 'c'], 1_500);
  });
  afterAll(async () => {
    await rig?.destroy();
  });

  it('is refused without the right, and where the machine would lose its own address', async () => {
    const { maker, a } = rig;
    const without = await maker.node.cli(['bridge', 'eth0', '--json'], { allowFailure: true });
    expect(without.stdout).toContain('EVIO_NO_RIGHT');
    const own = await a.node.cli(['bridge', 'eth0', '--json'], { allowFailure: true });
    expect(own.stdout).toContain('EVIO_BRIDGE_REFUSED');
    expect(own.stdout).toContain(a.site.host.v4);
    const none = await a.node.cli(['bridge', 'eth7', '--json'], { allowFailure: true });
    expect(none.stdout).toContain('EVIO_BAD_VALUE');
  });

  it('is one with that of another: machines without evio reach each other and every member', async () => {
    const { maker, a, c, left, right } = rig;
    await a.node.json(['bridge', 'eth1']);
    await c.node.json(['bridge', 'eth1']);
    await untilLan(a, 'open', 10_000);
    await untilLan(c, 'open', 10_000);
    expect(await firstPing(left.ns, right.ip, 8_000)).toBeDefined();
    expect(await firstPing(right.ns, left.ip, 5_000)).toBeDefined();
    expect(await firstPing(left.ns, maker.node.ip, 5_000)).toBeDefined();
    expect(await firstPing(maker.ns, left.ip, 5_000)).toBeDefined();
    // The member that bridges is a neighbour, too, from both sides.
    expect(await firstPing(left.ns, a.node.ip, 5_000)).toBeDefined();
    await run(['ip', 'neighbour', 'flush', 'dev', 'evio0'], { ns: a.ns });
    expect(await firstPing(a.ns, left.ip, 5_000)).toBeDefined();
    expect(await firstPing(a.ns, right.ip, 5_000)).toBeDefined();
    const { stdout } = await run(['ip', 'neighbour', 'show', right.ip], { ns: left.ns });
    const { stdout: mac } = await run(['cat', '/sys/class/net/eth1/address'], { ns: right.ns });
    expect(stdout).toContain(mac.trim());
  });

  it('of longer packets than the network carries hears that they are too big, and its TCP goes on', async () => {
    const { left, right } = rig;
    const six = async (ns: string): Promise<string> => {
      const { stdout } = await run(['ip', '-6', '-o', 'addr', 'show', 'dev', 'eth1', 'scope', 'link'], {
        ns,
      });
      return `${/inet6 ([0-9a-f:]+)/.exec(stdout)?.[1]}%eth1`;
    };
    for (const [to, size] of [
      [right.ip, '1472'],
      [await six(right.ns), '1452'],
    ] as const) {
      const words = ['ping', '-n', '-c', '3', '-i', '0.3', '-W', '1', '-M', 'do', '-s', size, to];
      const { stdout, stderr } = await run(words, { ns: left.ns, allowFailure: true });
      // The first is told by who was asked, the next by the kernel, which believed it.
      expect(stdout).toMatch(/mtu ?= ?1400/);
      expect(stdout + stderr).toMatch(/0 received/);
    }
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      await run(['ip', 'route', 'flush', 'cache'], { ns: from.ns });
      const { mbps } = await iperfTcp(from.ns, to.ns, to.ip, { seconds: 1 });
      console.log(`between LANs of 1500 bytes: ${mbps.toFixed(0)} Mbit/s`);
      expect(mbps).toBeGreaterThan(3);
    }
  });

  it('that lets no ICMP through has its TCP go on as well', async () => {
    const { left, right } = rig;
    const deaf = `table inet deaf {
      chain in { type filter hook input priority 0; icmp type destination-unreachable drop; icmpv6 type packet-too-big drop; }
    }`;
    for (const { ns } of [left, right]) {
      await run(['nft', '-f', '-'], { ns, input: deaf });
      await run(['ip', 'route', 'flush', 'cache'], { ns });
    }
    const { mbps } = await iperfTcp(left.ns, right.ns, right.ip, { seconds: 1 });
    console.log(`between LANs of 1500 bytes without ICMP: ${mbps.toFixed(0)} Mbit/s`);
    expect(mbps).toBeGreaterThan(3);
    for (const { ns } of [left, right]) await run(['nft', 'delete', 'table', 'inet', 'deaf'], { ns });
  });

  it('is left as it was when the node stops', async () => {
    const { c, left, right } = rig;
    const { stdout: during } = await run(['ip', '-o', 'link'], { ns: c.ns });
    expect(during).toMatch(leftover);
    await c.node.cli(['down']);
    const { stdout: after } = await run(['ip', '-o', 'link'], { ns: c.ns });
    expect(after).not.toMatch(leftover);
    expect(await firstPing(left.ns, right.ip, 1_500)).toBeUndefined();
  });

  it('is no way past a member that is the way out, and neither is anything else', async () => {
    const { maker, a } = rig;
    const outside = '192.0.2.1';
    await a.site.host.run([
      'nft',
      `add table ip leak; add chain ip leak out { type filter hook postrouting priority 0; }; add rule ip leak out oifname "eth0" meta l4proto icmp counter`,
    ]);
    const leaked = async (): Promise<string | undefined> => {
      const { stdout } = await a.site.host.run(['nft', 'list', 'table', 'ip', 'leak']);
      return /counter packets (\d+)/.exec(stdout)?.[1];
    };
    await maker.site.host.run(['sysctl', '-qw', 'net.ipv4.ip_forward=1']);
    await maker.node.json(['exit', 'announce']);
    for (let i = 0; i < 100; i++) {
      const { offers } = await a.node.json<{ offers: object[] }>(['exit', 'status']);
      if (offers.length > 0) break;
      await sleep(100);
    }
    await a.node.json(['exit', 'use', 'n0']);
    expect(await firstPing(a.ns, outside, 5_000)).toBeDefined();
    const { pid } = (await a.node.json<{ node: { pid: number } }>(['status'])).node;
    process.kill(pid, 'SIGKILL');
    await a.node.process?.exited;
    expect(await firstPing(a.ns, outside, 1_000)).toBeUndefined();
    expect(await leaked()).toBe('0');
    const { left } = await a.node.json<{ left: string[] }>(['exit', 'use', 'off']);
    expect(left).toEqual(['n0']);
    expect(await firstPing(a.ns, outside, 3_000)).toBeDefined();
    expect(await leaked()).not.toBe('0');
    const { undone } = await a.node.json<{ undone: string[] }>(['bridge', '--undo']);
    expect(undone).toEqual(['eth1']);
    const { stdout } = await run(['ip', '-o', 'link'], { ns: a.ns });
    expect(stdout).not.toMatch(leftover);
  });
});
