/**
 * A second machine behind a member, with a MAC of its own: a macvlan interface on the member's, in another namespace, as a
 * container has. With the bridge right it takes part; without it is dropped, and told how to change that.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run, sleep } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { reaches, TestNet, type TestNode } from './support.js';

describe('a second MAC behind a member', () => {
  let net: TestNet;
  let bridging: TestNode;
  let plain: TestNode;
  const spaces: string[] = [];

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    const [maker] = net.nodes as [TestNode];
    const { token, rights } = await maker.node.json<{ token: string; rights: string[] }>([
      'token',
      'create',
      '--right',
      'bridge',
    ]);
    expect(rights).toEqual(['bridge']);
    bridging = await net.place({ nat: 'endpoint-independent' });
    bridging.node.launch(['join', token, '--name', bridging.node.name]);
    await bridging.node.up();
    plain = await net.add({ nat: 'endpoint-independent' });
    for (const node of [bridging, plain]) await reaches(maker, node, 8_000);
  });
  afterAll(async () => {
    for (const space of spaces) await run(['ip', 'netns', 'delete', space], { allowFailure: true });
    await net?.destroy();
  });

  /** A machine behind the member, with this address. Returns its namespace. */
  async function behind({ ns }: TestNode, address: string): Promise<string> {
    const space = `${ns}-vm`;
    await run(['ip', 'netns', 'add', space]);
    spaces.push(space);
    await run(
      ['ip', 'link', 'add', 'mv0', 'link', 'evio0', 'netns', space, 'type', 'macvlan', 'mode', 'bridge'],
      {
        ns,
      },
    );
    await run(['ip', 'address', 'add', `${address}/16`, 'dev', 'mv0'], { ns: space });
    await run(['ip', 'link', 'set', 'mv0', 'mtu', '1350', 'up'], { ns: space });
    return space;
  }

  it('works with the bridge right, in both directions', async () => {
    const [maker] = net.nodes as [TestNode];
    const space = await behind(bridging, '10.144.250.1');
    expect(await firstPing(space, maker.node.ip, 8_000)).toBeDefined();
    expect(await firstPing(maker.ns, '10.144.250.1', 5_000)).toBeDefined();
    expect(await firstPing(space, plain.node.ip, 8_000)).toBeDefined();
  });

  it('is dropped without it, counted, and the way to allow it named', async () => {
    const [maker] = net.nodes as [TestNode];
    const space = await behind(plain, '10.144.250.2');
    expect(await firstPing(space, maker.node.ip, 3_000)).toBeUndefined();
    await sleep(200);
    const { device } = await maker.node.json<{ device: { drops: Record<string, number> } }>(['status']);
    expect(device.drops['guard-mac']).toBeGreaterThan(0);
    const { stdout } = await maker.node.cli(['status']);
    expect(stdout).toContain('evio token create --right bridge');
    // The member itself goes on undisturbed.
    await reaches(plain, maker, 2_000);
  });
});
