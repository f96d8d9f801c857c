/** Real machines: a relay lost its key, another comes after the root key was replaced, and the first goes. Nobody joins again. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { RigNode } from '../../src/lab/rig.js';
import { reaches, TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;

interface Relay {
  readonly url: string;
  readonly state: string;
}

describe('the relays of a network', () => {
  let net: TestNet;
  let admin: TestNode;
  let member: TestNode;
  let other: RigNode;

  beforeAll(async () => {
    net = await TestNet.create(site);
    admin = net.nodes[0] as TestNode;
    member = await net.add(site);
    await reaches(admin, member, 20_000);
  });
  afterAll(async () => {
    await other?.stop();
    await net?.destroy();
  });

  async function untilAt(...urls: string[]): Promise<void> {
    const plain = (url: string): string => url.replace(/#.*/, '');
    let seen: Relay[][] = [];
    for (let i = 0; i < 300; i++) {
      seen = await Promise.all(
        [admin, member].map(async ({ node }) => {
          const status = await node.json<{ relays: Relay[] }>(['status']).catch(() => undefined);
          return status?.relays ?? [];
        }),
      );
      const all = seen.every(
        (relays) =>
          relays.length === urls.length &&
          relays.every(({ url, state }) => state === 'connected' && urls.map(plain).includes(plain(url))),
      );
      if (all) return;
      await sleep(200);
    }
    throw new Error(`they are not at ${urls.join(', ')}: ${JSON.stringify(seen)}`);
  }

  it('are followed where one has another key, at the same address', async () => {
    const { relay, relayUrl } = net.rig;
    await relay.stop();
    rmSync(join(relay.home, 'relay'), { recursive: true });
    const url = await net.rig.startRelay();
    expect(url).not.toBe(relayUrl);
    await admin.node.json(['network', 'relay', 'add', url]);
    await untilAt(url);
    await reaches(member, admin, 20_000);
  });

  it('get one that serves nobody yet, also when the root key is not the first any more', async () => {
    await admin.node.json(['root', 'replace']);
    other = new RigNode(net.rig, 'other', await net.rig.lab.publicHost('other'));
    const addr = await other.host.run(['ip', '-4', '-o', 'addr', 'show', 'scope', 'global']);
    const [, at = ''] = /inet ([\d.]+)/.exec(addr.stdout) ?? [];
    const listening = await other
      .launch(['relay', '--listen', '0.0.0.0:443', '--public', `${at}:443`])
      .line(/"event":\s*"listening"/, 20_000);
    const { url } = JSON.parse(listening) as { url: string };
    await admin.node.json(['network', 'relay', 'add', url]);
    await untilAt(net.rig.relayUrl, url);
    const address = (text: string): string => text.replace(/^evio:\/\/|#.*/g, '');
    const { relays } = await member.node.json<{ relays: string[] }>(['network', 'relay', 'list']);
    expect(relays.map(address).sort()).toEqual([net.rig.relayUrl, url].map(address).sort());
    await admin.node.json(['network', 'relay', 'remove', net.rig.relayUrl]);
    await untilAt(url);
    await net.rig.relay.stop();
    await member.node.stop();
    member.node.launch(['node']);
    await member.node.up();
    await untilAt(url);
    await reaches(member, admin, 20_000);
  });
});
