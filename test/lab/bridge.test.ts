/**
 * LANs bridged at layer 2: machines without evio, on two LANs, are neighbours of each other and of members; two members that
 * bridge one LAN make no storm, and one takes the place of the other; nothing is left on the machine.
 *
 *   a (eth1) ═ LAN 1: left, b (eth1)                          LAN 2: right ═ c (eth1)
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { reaches, TestNet, type TestNode } from './support.js';

/** Interfaces that a bridging node makes, and what becomes a port of one. */
const leftover = /\bev[lpb][0-9a-f]{8}\b| master /;

interface Lan {
  readonly interface: string;
  readonly state: string;
  readonly reason: string | null;
  readonly by: { name: string } | null;
}

describe('LANs behind members', () => {
  let net: TestNet;
  let a: TestNode;
  let b: TestNode;
  let c: TestNode;
  const spaces: string[] = [];
  const left = { ns: '', ip: '10.144.250.1' };
  const right = { ns: '', ip: '10.144.250.2' };

  /** A switch, as a namespace with a bridge that does not speak STP. Returns its name. */
  async function segment(name: string): Promise<string> {
    const space = `${a.ns}-${name}`;
    await run(['ip', 'netns', 'add', space]);
    spaces.push(space);
    await run(['ip', 'link', 'add', 'sw0', 'type', 'bridge'], { ns: space });
    await run(['ip', 'link', 'set', 'sw0', 'up'], { ns: space });
    return space;
  }

  /** A cable from `eth1` of a machine to the switch. */
  async function plug(ns: string, lan: string, n: number): Promise<void> {
    await run(['ip', 'link', 'add', 'eth1', 'netns', ns, 'type', 'veth', 'peer', `p${n}`, 'netns', lan]);
    await run(['ip', 'link', 'set', `p${n}`, 'master', 'sw0', 'up'], { ns: lan });
    await run(['ip', 'link', 'set', 'eth1', 'mtu', '1350', 'up'], { ns });
  }

  async function machine(name: string, lan: string, n: number, ip: string): Promise<string> {
    const space = `${a.ns}-${name}`;
    await run(['ip', 'netns', 'add', space]);
    spaces.push(space);
    await plug(space, lan, n);
    await run(['ip', 'address', 'add', `${ip}/16`, 'dev', 'eth1'], { ns: space });
    return space;
  }

  const lanOf = async ({ node }: TestNode): Promise<Lan | undefined> =>
    (await node.json<{ bridges: Lan[] }>(['bridge', 'list'])).bridges[0];

  async function until(node: TestNode, state: string, ms: number): Promise<number> {
    const begun = performance.now();
    let seen: Lan | undefined;
    while (performance.now() - begun < ms) {
      seen = await lanOf(node);
      if (seen?.state === state) return performance.now() - begun;
      await sleep(100);
    }
    throw new Error(`${node.node.name} is ${JSON.stringify(seen)}, not ${state}, after ${ms} ms`);
  }

  /** Frames that left a switch's port. */
  async function sent(lan: string, port: string): Promise<number> {
    const { stdout } = await run(['cat', `/sys/class/net/${port}/statistics/tx_packets`], { ns: lan });
    return Number(stdout);
  }

  let lan1: string;
  let lan2: string;
  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const [maker] = net.nodes as [TestNode];
    const { token } = await maker.node.json<{ token: string }>([
      ...['token', 'create', '--right', 'bridge', '--uses', '3'],
    ]);
    const joined: TestNode[] = [];
    for (const name of ['a', 'b', 'c']) {
      const place = await net.place({ nat: 'endpoint-independent' }, name);
      place.node.launch(['join', token, '--name', name]);
      await place.node.up();
      joined.push(place);
    }
    [a, b, c] = joined as [TestNode, TestNode, TestNode];
    lan1 = await segment('lan1');
    lan2 = await segment('lan2');
    await plug(a.ns, lan1, 1);
    await plug(b.ns, lan1, 2);
    await plug(c.ns, lan2, 1);
    left.ns = await machine('left', lan1, 3, left.ip);
    right.ns = await machine('right', lan2, 3, right.ip);
    for (const other of [b, c, maker]) await reaches(a, other, 8_000);
    await reaches(b, c, 8_000);
  });
  afterAll(async () => {
    await net?.destroy();
    for (const space of spaces) await run(['ip', 'netns', 'delete', space], { allowFailure: true });
  });

  it('are refused without the right, and where the machine would lose its own address', async () => {
    const [maker] = net.nodes as [TestNode];
    const without = await maker.node.cli(['bridge', 'eth0', '--json'], { allowFailure: true });
    expect(without.stdout).toContain('EVIO_NO_RIGHT');
    const own = await a.node.cli(['bridge', 'eth0', '--json'], { allowFailure: true });
    expect(own.stdout).toContain('EVIO_BRIDGE_REFUSED');
    expect(own.stdout).toContain(a.site.host.v4);
    const none = await a.node.cli(['bridge', 'eth7', '--json'], { allowFailure: true });
    expect(none.stdout).toContain('EVIO_BAD_VALUE');
  });

  it('are one: machines without evio reach each other and every member', async () => {
    const [maker] = net.nodes as [TestNode];
    await a.node.json(['bridge', 'eth1']);
    await c.node.json(['bridge', 'eth1']);
    await until(a, 'open', 10_000);
    await until(c, 'open', 10_000);
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

  it('make no storm when two members bridge one, and one takes the place of the other', async () => {
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
    await run(['ping', '-n', '-c', '10', '-w', '2', '-i', '0.1', '-b', '10.144.255.255'], {
      ns: left.ns,
      allowFailure: true,
    });
    await sleep(500);
    const grown = [(await sent(lan1, 'p3')) - (before[0] ?? 0), (await sent(lan2, 'p3')) - (before[1] ?? 0)];
    console.log(`frames on the LANs: ${grown.join(', ')}`);
    expect(Math.max(...grown)).toBeLessThan(200);
    expect(await firstPing(left.ns, right.ip, 3_000)).toBeDefined();
    // Without a word to anybody.
    const { pid } = (await first.node.json<{ node: { pid: number } }>(['status'])).node;
    process.kill(pid, 'SIGKILL');
    await first.node.process?.exited;
    const ms = await until(second, 'open', 12_000);
    expect(await firstPing(left.ns, right.ip, 5_000)).toBeDefined();
    console.log(`the other opened after ${Math.round(ms)} ms`);
    const undone = await first.node.json<{ undone: string[] }>(['bridge', '--undo']);
    expect(undone.undone).toEqual(['eth1']);
    const { stdout: links } = await run(['ip', '-o', 'link'], { ns: first.ns });
    expect(links).not.toMatch(leftover);
  });

  it('are left as they were when the node stops, and bridged again when it starts', async () => {
    const { stdout: during } = await run(['ip', '-o', 'link'], { ns: c.ns });
    expect(during).toMatch(leftover);
    await c.node.cli(['down']);
    const { stdout: after } = await run(['ip', '-o', 'link'], { ns: c.ns });
    expect(after).not.toMatch(leftover);
    expect(await firstPing(left.ns, right.ip, 1_500)).toBeUndefined();
    c.node.launch(['node']);
    await c.node.up();
    await until(c, 'open', 10_000);
    expect(await firstPing(left.ns, right.ip, 5_000)).toBeDefined();
  });
});
