/** Pods that are neighbours in the network: two nodes behind different NATs, a member that is none of them, and three pods. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { LabProcess } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from '../lab/support.js';
import { Runtime, type Pod } from './runtime.js';

/** As a runtime has it: one network of pods that are neighbours. */
export const config = { cniVersion: '1.1.0', name: 'flat', type: 'evio-cni', mode: 'flat' };
export type Config = typeof config & { readonly gateway?: boolean };

export interface Worker {
  readonly node: TestNode;
  readonly runtime: Runtime;
}

export interface Placed {
  readonly worker: Worker;
  readonly pod: Pod;
  readonly ip: string;
  readonly ip6: string;
  readonly mac: string;
}

export function attached(pod: Pod): NodeJS.ProcessEnv {
  return { CNI_CONTAINERID: pod.name, CNI_NETNS: pod.netns, CNI_IFNAME: 'eth0' };
}

const listening = `
  const [group, own] = process.argv.slice(1);
  const s = require('node:dgram').createSocket({ type: 'udp4', reuseAddr: true });
  s.bind(5400, () => { if (group !== 'none') s.addMembership(group, own); console.log('ready'); });
  s.on('message', (m, from) => console.log('got ' + m + ' of ' + from.address));`;
const sending = `
  const [to, own] = process.argv.slice(1);
  const s = require('node:dgram').createSocket('udp4');
  s.bind(0, () => {
    s.setBroadcast(true);
    s.setMulticastInterface(own);
    let left = 100;
    const next = () => { if (left-- > 0) s.send('hello', 5400, to, () => setTimeout(next, 100)); else s.close(); };
    next();
  });`;

export interface FlatStage {
  readonly net: TestNet;
  readonly maker: TestNode;
  readonly a: Worker;
  readonly b: Worker;
  /** Of `a`. */
  readonly one: Placed;
  /** Of `b`, as `three` is. */
  readonly two: Placed;
  readonly three: Placed;
}

/** @param made is told what there is to clean up, as soon as there is */
export async function flatStage(made: (part: { destroy(): Promise<unknown> }) => void): Promise<FlatStage> {
  const net = await TestNet.create({ nat: 'public' });
  made(net);
  const [maker] = net.nodes as [TestNode];
  const { token } = await maker.node.json<{ token: string }>([
    ...['token', 'create', '--uses', '3', '--right', 'route'],
  ]);
  const worker = async (nat: TestNode['site']['kind']): Promise<Worker> => {
    const node = await net.place({ nat });
    node.node.launch(['join', token, '--name', node.node.name]);
    await node.node.up();
    const runtime = await Runtime.on({ ns: node.ns, home: node.node.home });
    made(runtime);
    return { node, runtime };
  };
  const a = await worker('endpoint-independent');
  const b = await worker('address-and-port-dependent');
  await reaches(a.node, b.node, 10_000);
  const [one, two, three] = [await add(a, 'one'), await add(b, 'two'), await add(b, 'three')];
  return { net, maker, a, b, one, two, three };
}

/** A pod of this name, as its node connects it. */
export async function add(worker: Worker, name: string, given: Config = config): Promise<Placed> {
  const pod = await worker.runtime.pod(name);
  const { status, printed } = await worker.runtime.plugin('ADD', given, attached(pod));
  expect([status, printed]).toEqual([0, expect.anything()]);
  const [ip, ip6] = printed['ips'] as { address: string }[];
  const mac = (printed['interfaces'] as { mac: string }[]).at(-1)?.mac ?? '';
  const bare = (entry?: { address: string }): string => entry?.address.split('/')[0] ?? '';
  return { worker, pod, ip: bare(ip), ip6: bare(ip6), mac };
}

/** Addresses that a node holds for its pods. */
export function leases({ node }: Worker): string[] {
  try {
    return readdirSync(join(node.node.home, 'pods'));
  } catch {
    return [];
  }
}

export async function drops(node: TestNode, reason: string): Promise<number> {
  const { device } = await node.node.json<{ device: { drops: Record<string, number> } }>(['status']);
  return device.drops[reason] ?? 0;
}

/** What the nodes hold for pods, as a member hears of it. */
export async function ranges(maker: TestNode): Promise<string[]> {
  const { routes } = await maker.node.json<{ routes: { cidr: string; state: string }[] }>(['route', 'list']);
  return routes.filter(({ state }) => state === 'active').map(({ cidr }) => cidr);
}

/** What the pods hear of what `from` says. */
export async function heard(from: Placed, to: string, by: readonly Placed[], group = 'none'): Promise<void> {
  const inside = ({ pod, ip }: Placed, script: string, word: string): LabProcess =>
    new LabProcess(['nsenter', `--net=${pod.netns}`, process.execPath, '-e', script, word, ip]);
  const listeners = by.map((placed) => inside(placed, listening, group));
  await Promise.all(listeners.map((listener) => listener.line(/ready/, 10_000)));
  const sender = inside(from, sending, to);
  try {
    const said = new RegExp(`got hello of ${from.ip.replaceAll('.', '\\.')}`);
    await Promise.all(listeners.map((listener) => listener.line(said, 15_000)));
  } finally {
    for (const process of [sender, ...listeners]) await process.stop();
  }
}
