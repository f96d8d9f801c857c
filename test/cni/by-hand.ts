/**
 * Pod networks of others, as plain configuration over evio: what the `host-gw` and `vxlan` backends of Flannel set up (which itself
 * cannot be built from the registries). A bridge with one pod on each of two nodes, and what leads to the other's.
 */
import { run } from '../../src/lab/exec.js';
import type { TestNode } from '../lab/support.js';
import type { Runtime } from './runtime.js';

export interface Side {
  readonly node: TestNode;
  readonly runtime: Runtime;
}

/** Where packets begin and end. */
export interface Ends {
  readonly from: string;
  readonly to: string;
  readonly ip: string;
}

type Way = (other: TestNode, own: TestNode, index: number, range: string) => readonly string[];

async function byHand(
  sides: readonly [Side, Side],
  name: string,
  octet: number,
  mtu: number,
  way: Way,
): Promise<Ends> {
  const pods: string[] = [];
  for (const [i, { node, runtime }] of sides.entries()) {
    const pod = await runtime.pod(name);
    pods.push(pod.name);
    const bridge = `${name}-br`;
    const other = sides[1 - i] as Side;
    for (const line of [
      `ip link add ${bridge} type bridge`,
      `ip address add 10.${octet}.${i}.1/24 dev ${bridge}`,
      `ip link set ${bridge} up`,
      `ip link add ${name} type veth peer name eth0 netns ${pod.name}`,
      `ip link set ${name} master ${bridge} up`,
      `sysctl -qw net.ipv4.ip_forward=1`,
      ...way(other.node, node, i, `10.${octet}.${1 - i}.0/24`),
    ])
      await run(['sh', '-c', line], { ns: node.ns });
    for (const line of [
      `ip address add 10.${octet}.${i}.2/24 dev eth0`,
      `ip link set eth0 mtu ${mtu} up`,
      `ip route add default via 10.${octet}.${i}.1`,
    ])
      await run(['sh', '-c', line], { ns: pod.name });
  }
  return { from: pods[0] ?? '', to: pods[1] ?? '', ip: `10.${octet}.1.2` };
}

/** Takes both back from the nodes, or what is there of them. */
export async function withdrawByHand(sides: readonly [Side, Side]): Promise<void> {
  for (const { node } of sides)
    for (const link of ['static-br', 'vxlan-br', 'static', 'vxlan', 'vx'])
      await run(['ip', 'link', 'delete', link], { ns: node.ns, allowFailure: true });
}

/** As `host-gw`: routes by the nodes' addresses in the network, whose members are told by announcements. */
export async function hostGateway(sides: readonly [Side, Side]): Promise<Ends> {
  const ends = await byHand(sides, 'static', 61, 1400, ({ node: { ip } }, _own, _index, range) => [
    `ip route replace ${range} via ${ip} dev evio0`,
  ]);
  for (const [i, { node }] of sides.entries()) await node.node.cli(['route', 'announce', `10.61.${i}.0/24`]);
  return ends;
}

/** As `vxlan`: the kernel's, between the nodes' addresses in the network; evio sees packets of members only. */
export function kernelVxlan(sides: readonly [Side, Side]): Promise<Ends> {
  return byHand(sides, 'vxlan', 62, 1350, (other, own, index, range) => [
    `ip link add vx type vxlan id 7 dstport 8472 local ${own.node.ip} remote ${other.node.ip} dev evio0`,
    `ip address add 10.63.0.${index + 1}/24 dev vx`,
    'ip link set vx mtu 1350 up',
    `ip route add ${range} via 10.63.0.${2 - index} dev vx`,
  ]);
}
