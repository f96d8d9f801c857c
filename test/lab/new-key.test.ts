/** Real machines and a relay: a member that runs gets another key, and whoever took the one of before has nothing. */
import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { outage, reaches, TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;

interface Peer {
  readonly id: string;
  readonly name: string;
  readonly ip: string;
  readonly state: string;
}

describe('a member that gets another key', () => {
  let net: TestNet;
  let member: TestNode;
  let other: TestNode;
  let thief: TestNode;
  let before: { id: string; ip: string };
  let report: { id: string; was: string; counts: boolean };

  beforeAll(async () => {
    net = await TestNet.create(site);
    member = await net.add(site);
    other = await net.add(site);
    thief = await net.place(site, 'thief');
    await reaches(other, member, 20_000);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const peers = async ({ node }: TestNode): Promise<Peer[]> =>
    (await node.json<{ peers: Peer[] }>(['peers'])).peers;

  it('goes on within seconds under its name and address, for whoever talks with it', async () => {
    before = (await member.node.json<{ node: typeof before }>(['status'])).node;
    cpSync(join(member.node.home, 'networks'), join(thief.node.home, 'networks'), { recursive: true });
    const { longestMs } = await outage(
      other,
      member,
      async () => {
        report = await member.node.json<typeof report>(['set', '--new-key']);
      },
      7_000,
    );
    console.log(`without an answer for ${longestMs} ms while the key was replaced`);
    expect(report).toMatchObject({ was: before.id, counts: true });
    // Some of that is the interface, which is made anew; much more, and the host of the other was not told.
    expect(longestMs).toBeLessThan(6_000);
    const now = (await member.node.json<{ node: typeof before }>(['status'])).node;
    expect(now).toMatchObject({ id: report.id, ip: before.ip });
    const seen = (await peers(other)).filter(({ name }) => name === member.node.name);
    expect(seen).toMatchObject([{ id: report.id, ip: before.ip, state: 'connected' }]);
  });

  it('leaves nothing to who has its state folder of before', async () => {
    thief.node.launch(['node']);
    await thief.node.process?.line(/"code":\s*"(revoked|EVIO_REVOKED)"/, 20_000);
    await sleep(1_500);
    // It has ended, or knows members that do not answer.
    const { stdout } = await thief.node.cli(['peers', '--json'], { allowFailure: true });
    expect(stdout).not.toContain('"connected"');
    for (const node of [net.nodes[0] as TestNode, other])
      expect((await peers(node)).map(({ id }) => id)).not.toContain(before.id);
    await reaches(other, member, 10_000);
  });

  it('comes back as that after kill -9', async () => {
    member.node.process?.kill('SIGKILL');
    await member.node.stop();
    member.node.launch(['node']);
    await member.node.up();
    await reaches(other, member, 20_000);
    expect((await member.node.json<{ node: typeof before }>(['status'])).node.id).toBe(report.id);
  });
});
