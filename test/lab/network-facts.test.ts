/** Real machines: the MTU and the name of a network change while it runs, and who joins later gets them by its token. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { RigNode } from '../../src/lab/rig.js';
import { reaches, TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;
const soon = { timeout: 15_000, interval: 200 };

interface Facts {
  readonly network: { readonly name: string; readonly mtu: number };
}

describe('the facts of a network', () => {
  let net: TestNet;
  let admin: TestNode;
  let member: TestNode;

  beforeAll(async () => {
    net = await TestNet.create(site);
    admin = net.nodes[0] as TestNode;
    member = await net.add(site);
    await reaches(admin, member, 20_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const factsOf = async ({ node }: TestNode): Promise<Facts['network']> => {
    const { network } = await node.json<Facts>(['network', 'show']);
    return { name: network.name, mtu: network.mtu };
  };
  const deviceMtu = async ({ ns }: TestNode): Promise<number> =>
    Number(/ mtu (\d+)/.exec((await run(['ip', '-o', 'link', 'show', 'evio0'], { ns })).stdout)?.[1]);

  it('are set by two words, or by one, and running members take them', async () => {
    await admin.node.json(['network', 'set', 'mtu', '1280']);
    for (const node of [admin, member]) {
      await expect.poll(() => deviceMtu(node).catch(() => 0), soon).toBe(1280);
      expect((await factsOf(node)).mtu).toBe(1280);
    }
    await admin.node.json(['network', 'set', 'name=factory']);
    for (const node of [admin, member])
      await expect.poll(() => factsOf(node), soon).toEqual({ name: 'factory', mtu: 1280 });
    const { network } = await member.node.json<Facts>(['status', '--network', 'factory']);
    const { domain } = await member.node.json<{ domain: string }>(['dns', 'status']);
    expect(domain).toBe('factory.evio');
    expect(network).toMatchObject({ name: 'factory', mtu: 1280 });
    await reaches(member, admin, 20_000);
  });

  it('are in tokens that are made from then on', async () => {
    const { token } = await admin.node.json<{ token: string }>(['token', 'create']);
    const later = new RigNode(net.rig, 'later', await net.rig.lab.publicHost('later'));
    const joined = await later.json<Facts>(['join', token, '--no-start']);
    expect(joined.network).toMatchObject({ name: 'factory', mtu: 1280 });
  });
});
