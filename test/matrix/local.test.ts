/**
 * Bridged LANs under what happens to them: two members on one LAN, kills, upgrades, interfaces that go and come, bridges that carry
 * addresses. `npm run local` runs this, and ways out.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { lanOf, lanRig, leftover, untilLan, type Lan, type LanRig } from '../support/lan-rig.js';
import type { TestNode } from '../lab/support.js';

describe('LANs behind members', () => {
  let rig: LanRig;
  beforeAll(async () => {
    rig = await lanRig(['a', 'b', 'c']);
    for (const node of [rig.a, rig.c]) {
      await node.node.json(['bridge', 'eth1']);
      await untilLan(node, 'open', 10_000);
    }
    expect(await firstPing(rig.left.ns, rig.right.ip, 8_000)).toBeDefined();
  });
  afterAll(async () => {
    await rig?.destroy();
  });

  /** Frames that left a switch's port. */
  async function sent(lan: string, port: string): Promise<number> {
    const { stdout } = await run(['cat', `/sys/class/net/${port}/statistics/tx_packets`], { ns: lan });
    return Number(stdout);
  }

  async function kill(node: TestNode): Promise<void> {
    const { pid } = (await node.node.json<{ node: { pid: number } }>(['status'])).node;
    process.kill(pid, 'SIGKILL');
    await node.node.process?.exited;
  }

  /** Pings sent and answered, one each 20 ms, while `deed` runs. */
  async function pinged(
    ns: string,
    to: string,
    deed: () => Promise<unknown>,
  ): Promise<{ sent: number; lost: number }> {
    const argv = ['ip', 'netns', 'exec', ns, 'ping', '-n', '-i', '0.02', '-c', '400', to];
    const pings = run(argv, { allowFailure: true });
    await sleep(1_000);
    await deed();
    const { stdout } = await pings;
    const [, all = 0, got = 0] = /(\d+) packets transmitted, (\d+) received/.exec(stdout) ?? [];
    return { sent: Number(all), lost: Number(all) - Number(got) };
  }

  it('make no storm when two members bridge one, and one takes the place of the other', async () => {
    const { a, b, left, right, lan1, lan2 } = rig;
    await b.node.json(['bridge', 'eth1']);
    let states: (Lan | undefined)[] = [];
    for (
      let i = 0;
      i < 100 &&
      states
        .map((lan) => lan?.state)
        .sort()
        .join() !== 'blocked,open';
      i++
    ) {
      await sleep(100);
      states = await Promise.all([a, b].map(lanOf));
    }
    expect(states.map((lan) => lan?.state).sort()).toEqual(['blocked', 'open']);
    const [first, second] = states[0]?.state === 'open' ? [a, b] : [b, a];
    expect((await lanOf(second))?.by?.name).toBe(first.node.name);
    const { stdout } = await second.node.cli(['status']);
    expect(stdout).toContain(`${first.node.name} bridges this LAN`);
    // One broadcast stays one, on both LANs.
    const before = [await sent(lan1, 'p3'), await sent(lan2, 'p3')];
    await run(['ip', 'neighbour', 'flush', 'all'], { ns: left.ns });
    await run(['ping', '-n', '-c', '100', '-w', '2', '-i', '0.01', '-b', '10.144.255.255'], {
      ns: left.ns,
      allowFailure: true,
    });
    await sleep(500);
    const grown = [(await sent(lan1, 'p3')) - (before[0] ?? 0), (await sent(lan2, 'p3')) - (before[1] ?? 0)];
    console.log(`frames on the LANs of 100 broadcasts: ${grown.join(', ')}`);
    expect(Math.max(...grown)).toBeLessThan(300);
    expect(await firstPing(left.ns, right.ip, 3_000)).toBeDefined();
    await kill(first);
    const ms = await untilLan(second, 'open', 12_000);
    expect(ms).toBeLessThan(10_000);
    expect(await firstPing(left.ns, right.ip, 5_000)).toBeDefined();
    console.log(`the other opened after ${Math.round(ms)} ms`);
    // It comes back, and stands behind.
    first.node.launch(['node']);
    await first.node.up();
    await untilLan(first, 'blocked', 15_000);
    expect((await lanOf(second))?.state).toBe('open');
    expect(await firstPing(left.ns, right.ip, 5_000)).toBeDefined();
    for (const node of [a, b]) await node.node.json(['bridge', '--undo']);
    const { stdout: links } = await run(['ip', '-o', 'link'], { ns: first.ns });
    expect(links).not.toMatch(leftover);
    await a.node.json(['bridge', 'eth1']);
    await untilLan(a, 'open', 10_000);
  });

  it('lose nothing when the node is upgraded', async () => {
    const { c, left, right } = rig;
    expect(await firstPing(left.ns, right.ip, 8_000)).toBeDefined();
    const { sent: all, lost } = await pinged(left.ns, right.ip, () => c.node.json(['upgrade']));
    console.log(`${lost} of ${all} lost over an upgrade`);
    expect(lost).toBe(0);
    expect((await lanOf(c))?.state).toBe('open');
  });

  it('come back when their interface does, and say what is wrong until then', async () => {
    const { c, lan2, left, right } = rig;
    await run(['ip', 'link', 'delete', 'eth1'], { ns: c.ns });
    await untilLan(c, 'failed', 8_000);
    expect((await lanOf(c))?.reason).toContain('eth1');
    await run(['ip', 'link', 'add', 'eth1', 'netns', c.ns, 'type', 'veth', 'peer', 'p1', 'netns', lan2]);
    await run(['ip', 'link', 'set', 'p1', 'master', 'sw0', 'up'], { ns: lan2 });
    await untilLan(c, 'open', 12_000);
    expect(await firstPing(left.ns, right.ip, 8_000)).toBeDefined();
    // Who removes the port has it made again.
    const { stdout } = await run(['ip', '-o', 'link'], { ns: c.ns });
    const port = /\bevl[0-9a-f]{8}\b/.exec(stdout)?.[0] ?? '';
    await run(['ip', 'link', 'delete', port], { ns: c.ns });
    await sleep(6_000);
    expect(await firstPing(left.ns, right.ip, 8_000)).toBeDefined();
  });

  it('are taken by a bridge that carries addresses of the machine, which stay', async () => {
    const { c, right, left } = rig;
    await c.node.json(['bridge', '--undo']);
    for (const line of [
      'link add br0 type bridge',
      'link set eth1 master br0',
      'link set br0 up',
      'address add 10.99.0.1/24 dev br0',
    ])
      await run(['ip', ...line.split(' ')], { ns: c.ns });
    await run(['ip', 'address', 'replace', '10.99.0.2/24', 'dev', 'eth1'], { ns: right.ns });
    const taken = await c.node.cli(['bridge', 'eth1', '--json'], { allowFailure: true });
    expect(taken.stdout).toContain('evio bridge br0');
    await c.node.json(['bridge', 'br0']);
    await untilLan(c, 'open', 10_000);
    expect(await firstPing(left.ns, right.ip, 8_000)).toBeDefined();
    expect(await firstPing(right.ns, '10.99.0.1', 3_000)).toBeDefined();
    await c.node.json(['bridge', '--undo']);
    expect(await firstPing(right.ns, '10.99.0.1', 3_000)).toBeDefined();
    const { stdout } = await run(['ip', '-o', 'link', 'show', 'master', 'br0'], { ns: c.ns });
    expect(stdout).toContain('eth1');
    expect(stdout).not.toMatch(/\bevp/);
    await run(['ip', 'link', 'delete', 'br0'], { ns: c.ns });
  });

  it('may be on an interface with addresses, by force: these work again once that is undone', async () => {
    const { c, right, left } = rig;
    await c.node.json(['bridge', '--undo']);
    await run(['ip', 'address', 'replace', '10.99.0.2/24', 'dev', 'eth1'], { ns: right.ns });
    await run(['ip', 'address', 'add', '10.99.0.1/24', 'dev', 'eth1'], { ns: c.ns });
    const refused = await c.node.cli(['bridge', 'eth1', '--json'], { allowFailure: true });
    expect(refused.stdout).toContain('10.99.0.1/24');
    await c.node.json(['bridge', 'eth1', '--force']);
    await untilLan(c, 'open', 10_000);
    expect(await firstPing(left.ns, right.ip, 8_000)).toBeDefined();
    await c.node.json(['bridge', '--undo']);
    await run(['ip', 'neighbour', 'flush', 'all'], { ns: right.ns });
    expect(await firstPing(right.ns, '10.99.0.1', 3_000)).toBeDefined();
  });
});
