/**
 * A member that is revoked tries where it was not heard of: another relay, and a neighbour, whose programs are patched to
 * take no bar. There it is let in; nobody else deals with it, by whatever way it comes.
 */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { RigNode } from '../../src/lab/rig.js';
import { makePatched } from '../support/patched.js';
import { reaches, TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;
/** Where the kind of a statement stands, and the kinds that bar (src/core/ledger/statement.ts). */
const deaf = [
  {
    file: 'core/ledger/ledger.js',
    at: '    take(bytes) {',
    put: "$ if (bytes[77] === 3 || bytes[77] === 4) return 'known';",
  },
];

interface Named {
  readonly name: string;
  readonly state: string;
}

describe('a member that is revoked', () => {
  let net: TestNet;
  let admin: TestNode;
  let honest: TestNode;
  let friend: TestNode;
  let mallory: TestNode;
  let other: RigNode;
  let program = '';
  let otherUrl = '';
  let networkId = '';

  beforeAll(async () => {
    net = await TestNet.create(site, { relay: ['--open'] });
    admin = net.nodes[0] as TestNode;
    const folder = join(net.rig.folder, 'deaf');
    mkdirSync(folder);
    program = makePatched(folder, deaf);
    other = new RigNode(net.rig, 'other', await net.rig.lab.publicHost('other'));
    other.program = program;
    const [, at = ''] =
      /inet ([\d.]+)/.exec(
        (await other.host.run(['ip', '-4', '-o', 'addr', 'show', 'scope', 'global'])).stdout,
      ) ?? [];
    const listening = await other
      .launch(['relay', '--open', '--listen', '0.0.0.0:443', '--public', `${at}:443`])
      .line(/"event":\s*"listening"/, 20_000);
    otherUrl = (JSON.parse(listening) as { url: string }).url;
    honest = await net.add(site);
    friend = await net.place(site);
    friend.node.program = program;
    net.join(friend);
    await friend.node.up();
    mallory = await net.add(site);
    ({
      network: { id: networkId },
    } = await admin.node.json<{ network: { id: string } }>(['network', 'show']));
  });
  afterAll(async () => {
    await other?.stop();
    await net?.destroy();
  });

  const known = async (node: TestNode): Promise<readonly Named[]> => await node.node.peers();

  async function untilRelays(node: TestNode, count: number): Promise<void> {
    let relays: readonly { state: string }[] = [];
    for (let i = 0; i < 200; i++) {
      ({ relays } = await node.node
        .json<{ relays: { state: string }[] }>(['status'])
        .catch(() => ({ relays: [] })));
      if (relays.filter(({ state }) => state === 'connected').length === count) return;
      await sleep(100);
    }
    throw new Error(`${node.node.name} is not at ${count} relays: ${JSON.stringify(relays)}`);
  }

  it('was one at a relay that an admin added, as all are, without anybody joining again', async () => {
    await admin.node.json(['network', 'relay', 'add', otherUrl]);
    for (const node of [admin, honest, friend, mallory]) await untilRelays(node, 2);
    for (const node of [admin, honest, friend]) await reaches(node, mallory, 20_000);
  });

  it('is let in by whoever has not heard, and by nobody else', async () => {
    await admin.node.json(['revoke', 'n3', '--reason', 'a test']);
    for (let i = 0; i < 100 && (await known(honest)).some(({ name }) => name === 'n3'); i++) await sleep(100);
    await mallory.node.stop();
    const { peers, revoked } = await honest.node.json<{
      peers: readonly Named[];
      revoked: { name: string; reason: string; by: string }[];
    }>(['peers']);
    expect(peers.map(({ name }) => name)).not.toContain('n3');
    expect(revoked).toMatchObject([{ name: 'n3', reason: 'a test', by: 'n0' }]);

    // It forgets that it was revoked, and takes nothing of that any more.
    rmSync(join(mallory.node.home, 'networks', networkId, 'ledger.log'), { force: true });
    mallory.node.program = program;
    mallory.node.launch(['node']);
    await mallory.node.up();
    for (let i = 0; i < 200; i++) {
      if ((await known(mallory)).some(({ name, state }) => name === 'n2' && state === 'connected')) break;
      await sleep(100);
    }
    await sleep(5_000);
    const connected = (await known(mallory)).filter(({ state }) => state === 'connected');
    expect(connected.map(({ name }) => name)).toEqual(['n2']);
    for (const node of [admin, honest]) {
      expect((await known(node)).map(({ name }) => name)).not.toContain('n3');
      const lost = await mallory.site.host.run(['ping', '-c', '3', '-i', '0.3', '-W', '1', node.node.ip], {
        allowFailure: true,
      });
      expect(lost.status).not.toBe(0);
    }
    await reaches(honest, friend, 20_000);
    const { stdout } = await other.cli(['relay', 'networks', '--json']);
    expect(stdout).toContain(networkId);
  });
});
