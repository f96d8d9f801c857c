/** A pod on the bridge of pods that lies about whose an IPv6 address is: the node goes on finding the other pod. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileURLToPath } from 'node:url';
import { guarding, guardScript } from '../../src/cni/port-guard.js';
import { addressBytes } from '../../src/core/lib/endpoint.js';
import { run } from '../../src/lab/exec.js';
import { ipv6Frame, neighbourBody, withChecksum } from '../support/frames.js';

const raw = fileURLToPath(new URL('../support/raw-frames.mjs', import.meta.url));
const names = ['node', 'liar', 'honest'].map((name) => `pg${process.pid}-${name}`);
const [node = '', liar = '', honest = ''] = names;
const macs = { node: '0a:5a:00:00:00:01', liar: '0a:58:00:00:00:0a', honest: '0a:58:00:00:00:0b' };
const addresses = { node: 'fd00::1', liar: 'fd00::a', honest: 'fd00::b' };
const bytesOf = (mac: string): Uint8Array => Uint8Array.from(Buffer.from(mac.replaceAll(':', ''), 'hex'));
const ip6 = (text: string): Uint8Array => addressBytes(text) as Uint8Array;

async function plug(pod: 'liar' | 'honest', ns: string): Promise<void> {
  const link = `v-${pod}`;
  const script = guarding('pods').write + guardScript('pods', link, macs[pod], [addresses[pod]]);
  await run(['nft', '-f', '-'], { ns: node, input: script });
  for (const line of [
    `link add ${link} type veth peer name eth0 address ${macs[pod]} netns ${ns}`,
    `link set ${link} master pods`,
    `link set ${link} type bridge_slave isolated on`,
    `link set ${link} up`,
  ])
    await run(['ip', ...line.split(' ')], { ns: node });
  await run(['ip', 'link', 'set', 'eth0', 'up'], { ns });
  await run(['ip', 'address', 'add', `${addresses[pod]}/64`, 'dev', 'eth0', 'nodad'], { ns });
}

describe('the guard of a port', () => {
  beforeAll(async () => {
    for (const name of names) await run(['ip', 'netns', 'add', name]);
    for (const line of [
      `link add pods address ${macs.node} type bridge`,
      'link set pods up',
      `address add ${addresses.node}/64 dev pods nodad`,
    ])
      await run(['ip', ...line.split(' ')], { ns: node });
    await plug('liar', liar);
    await plug('honest', honest);
  });
  afterAll(async () => {
    for (const name of names) await run(['ip', 'netns', 'delete', name], { allowFailure: true });
  });

  /** Who the node takes an address for, once it has reached it. */
  async function found(address: string): Promise<string | undefined> {
    await run(['ping', '-6', '-c', '5', '-i', '0.2', '-W', '1', address], { ns: node, allowFailure: true });
    const { stdout } = await run(['ip', '-6', 'neighbour', 'show', address], { ns: node });
    return /lladdr (\S+)/.exec(stdout)?.[1];
  }

  it('lets a pod speak for its own IPv6 address, and for no other', async () => {
    expect(await found(addresses.liar)).toBe(macs.liar);
    expect(await found(addresses.honest)).toBe(macs.honest);
    const body = neighbourBody(136, ip6(addresses.honest), [2, 1, ...bytesOf(macs.liar)]);
    const say = (next: number, before: readonly number[]): Uint8Array =>
      withChecksum(
        ipv6Frame(bytesOf(macs.node), bytesOf(macs.liar), ip6(addresses.liar), ip6(addresses.node), next, [
          ...before,
          ...body,
        ]),
      );
    for (const lie of [say(58, []), say(60, [58, 0, 1, 4, 0, 0, 0, 0])]) {
      await run([process.execPath, raw, 'eth0', Buffer.from(lie).toString('hex'), '3'], { ns: liar });
      expect(await found(addresses.honest)).toBe(macs.honest);
    }
  });
});
