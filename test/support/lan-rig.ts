/**
 * Members with a second interface on a LAN, and machines there without evio.
 *
 *   a (eth1) ═ LAN 1: left, b (eth1)                          LAN 2: right ═ c (eth1)
 */
import { run, sleep } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from '../lab/support.js';

export interface Lan {
  readonly interface: string;
  readonly state: string;
  readonly reason: string | null;
  readonly by: { readonly name: string } | null;
}

export interface LanRig {
  readonly net: TestNet;
  readonly maker: TestNode;
  readonly a: TestNode;
  readonly b: TestNode;
  readonly c: TestNode;
  readonly left: { readonly ns: string; readonly ip: string };
  readonly right: { readonly ns: string; readonly ip: string };
  /** Namespaces of the switches. */
  readonly lan1: string;
  readonly lan2: string;
  destroy(): Promise<void>;
}

/** Interfaces that a bridging node makes, and what becomes a port of one. */
export const leftover = /\bev[lpb][0-9a-f]{8}\b| master /;

export const lanOf = async ({ node }: TestNode): Promise<Lan | undefined> =>
  (await node.json<{ bridges: Lan[] }>(['bridge', 'list'])).bridges[0];

/** ms until bridging is in this state; throws after the time. */
export async function untilLan(node: TestNode, state: string, ms: number): Promise<number> {
  const begun = performance.now();
  let seen: Lan | undefined;
  while (performance.now() - begun < ms) {
    seen = await lanOf(node);
    if (seen?.state === state) return performance.now() - begun;
    await sleep(100);
  }
  throw new Error(`${node.node.name} is ${JSON.stringify(seen)}, not ${state}, after ${ms} ms`);
}

/**
 * @param names of the members beside the maker; `b` is on the LAN of `a`
 * @param mtu of the LANs, bytes; as short as the network's by default
 */
export async function lanRig(names: readonly ('a' | 'b' | 'c')[], mtu = 1_350): Promise<LanRig> {
  const net = await TestNet.create({ nat: 'endpoint-independent' });
  const spaces: string[] = [];
  const [maker] = net.nodes as [TestNode];
  const space = async (name: string): Promise<string> => {
    const made = `${maker.ns}-${name}`;
    await run(['ip', 'netns', 'add', made]);
    spaces.push(made);
    return made;
  };
  /** A switch that does not speak STP. */
  const segment = async (name: string): Promise<string> => {
    const made = await space(name);
    await run(['ip', 'link', 'add', 'sw0', 'type', 'bridge'], { ns: made });
    await run(['ip', 'link', 'set', 'sw0', 'up'], { ns: made });
    return made;
  };
  /** A cable from `eth1` of a machine to the switch. */
  const plug = async (ns: string, lan: string, n: number): Promise<void> => {
    await run(['ip', 'link', 'add', 'eth1', 'netns', ns, 'type', 'veth', 'peer', `p${n}`, 'netns', lan]);
    await run(['ip', 'link', 'set', `p${n}`, 'master', 'sw0', 'up'], { ns: lan });
    await run(['ip', 'link', 'set', 'eth1', 'mtu', `${mtu}`, 'up'], { ns });
  };
  const machine = async (name: string, lan: string, ip: string): Promise<{ ns: string; ip: string }> => {
    const ns = await space(name);
    await plug(ns, lan, 3);
    await run(['ip', 'address', 'add', `${ip}/16`, 'dev', 'eth1'], { ns });
    return { ns, ip };
  };
  const { token } = await maker.node.json<{ token: string }>([
    ...['token', 'create', '--right', 'bridge', '--uses', '3'],
  ]);
  const members = await Promise.all(
    names.map(async (name) => {
      const place = await net.place({ nat: 'endpoint-independent' }, name);
      place.node.launch(['join', token, '--name', name]);
      await place.node.up();
      return place;
    }),
  );
  const of = (name: 'a' | 'b' | 'c'): TestNode => members[names.indexOf(name)] as TestNode;
  const lan1 = await segment('lan1');
  const lan2 = await segment('lan2');
  await plug(of('a').ns, lan1, 1);
  if (names.includes('b')) await plug(of('b').ns, lan1, 2);
  await plug(of('c').ns, lan2, 1);
  const left = await machine('left', lan1, '10.144.250.1');
  const right = await machine('right', lan2, '10.144.250.2');
  for (const member of members) await reaches(maker, member, 8_000);
  for (const other of members.slice(1)) await reaches(of('a'), other, 8_000);
  return {
    ...{ net, maker, a: of('a'), b: of('b'), c: of('c'), left, right, lan1, lan2 },
    destroy: async () => {
      await net.destroy();
      for (const made of spaces) await run(['ip', 'netns', 'delete', made], { allowFailure: true });
    },
  };
}
