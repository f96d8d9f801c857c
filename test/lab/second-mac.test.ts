/**
 * A second MAC behind a member: a machine with a macvlan interface on the member's, in another namespace, as a container has; an
 * address that keepalived moves with a MAC of its own. With the bridge right it takes part; without it is dropped, and told how
 * to change that.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { findProgram, run, sleep, type LabProcess } from '../../src/lab/exec.js';
import { firstPing } from '../../src/lab/measure.js';
import { need } from '../support/need.js';
import { reaches, TestNet, type TestNode } from './support.js';

describe('a second MAC behind a member', () => {
  let net: TestNet;
  let bridging: TestNode;
  let other: TestNode;
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
      ...['--uses', '2'],
    ]);
    expect(rights).toEqual(['bridge']);
    [bridging, other] = [
      await net.place({ nat: 'endpoint-independent' }),
      await net.place({ nat: 'endpoint-independent' }),
    ];
    for (const { node } of [bridging, other]) {
      node.launch(['join', token, '--name', node.name]);
      await node.up();
    }
    plain = await net.add({ nat: 'endpoint-independent' });
    for (const node of [bridging, other, plain]) await reaches(maker, node, 8_000);
    await reaches(bridging, other, 8_000);
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

  describe.runIf(need('keepalived', findProgram('keepalived') !== undefined))(
    'of VRRP (keepalived, use_vmac)',
    () => {
      const running: LabProcess[] = [];
      afterEach(async () => {
        for (const process of running.splice(0)) await process.stop(2_000);
      });

      async function start(
        { node, site, ns }: TestNode,
        shared: string,
        priority: number,
      ): Promise<LabProcess> {
        const at = (name: string): string => join(net.rig.folder, `${node.name}.${name}`);
        writeFileSync(
          at('keepalived.conf'),
          `global_defs {
  vrrp_version 3
}
vrrp_instance lab {
  state BACKUP
  interface evio0
  use_vmac vrrp51
  virtual_router_id 51
  priority ${priority}
  advert_int 0.4
  virtual_ipaddress {
    ${shared}/16
  }
}
`,
        );
        const words = ['keepalived', '-n', '-l', '-P', '-f', at('keepalived.conf')];
        const process = site.host.launch([...words, '-p', at('pid'), '-r', at('vrrp.pid')]);
        running.push(process);
        await expect
          .poll(async () => (await run(['ip', 'link'], { ns })).stdout, { timeout: 5_000 })
          .toContain('vrrp51@evio0');
        return process;
      }

      const holds = async ({ ns }: TestNode, address: string): Promise<boolean> =>
        (
          await run(['ip', '-o', 'addr', 'show', 'dev', 'vrrp51'], { ns, allowFailure: true })
        ).stdout.includes(address);
      const taken = (node: TestNode, address: string): Promise<unknown> =>
        expect.poll(() => holds(node, address), { timeout: 10_000 }).toBe(true);

      /** The MAC that answers for an address there. */
      const macOf = async ({ ns }: TestNode, address: string): Promise<string> =>
        (await run(['ip', 'neigh', 'show', address], { ns })).stdout;

      it('moves from member to member with its address', async () => {
        const [maker] = net.nodes as [TestNode];
        const shared = '10.144.250.3';
        const first = await start(bridging, shared, 250);
        await taken(bridging, shared);
        await start(other, shared, 200);
        await sleep(2_000);
        expect(await holds(other, shared)).toBe(false);
        for (const { ns } of [maker, plain]) {
          expect(await firstPing(ns, shared, 8_000)).toBeDefined();
        }
        expect(await macOf(maker, shared)).toContain('00:00:5e:00:01:33');
        await first.stop(0);
        const begun = performance.now();
        await taken(other, shared);
        for (const { ns } of [maker, plain, bridging])
          expect(await firstPing(ns, shared, 5_000)).toBeDefined();
        console.log(
          `VRRP with a MAC of its own: with the other after ${Math.round(performance.now() - begun)} ms`,
        );
        expect(await macOf(maker, shared)).toContain('00:00:5e:00:01:33');
      });

      it('is dropped without the right, and the way to allow it named', async () => {
        const [maker] = net.nodes as [TestNode];
        const drops = async (): Promise<number> =>
          (await maker.node.json<{ device: { drops: Record<string, number> } }>(['status'])).device.drops[
            'guard-mac'
          ] ?? 0;
        const before = await drops();
        await start(plain, '10.144.250.4', 250);
        await taken(plain, '10.144.250.4');
        expect(await firstPing(maker.ns, '10.144.250.4', 2_000)).toBeUndefined();
        expect(await drops()).toBeGreaterThan(before);
        expect((await maker.node.cli(['status'])).stdout).toContain('evio token create --right bridge');
      });
    },
  );
});
