/** Real machines: who joins by a token that has it wait reaches nobody, until an admin lets it in. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;

interface Waiting {
  waiting: { id: string; name: string; approvals: number; needed: number }[];
}

describe('a machine that waits to be let in', () => {
  let net: TestNet;
  let admin: TestNode;
  let member: TestNode;
  let web: TestNode;
  let token = '';

  beforeAll(async () => {
    net = await TestNet.create(site, { init: ['--approve'] });
    admin = net.nodes[0] as TestNode;
    member = await net.add(site);
    web = await net.place(site, 'web');
    ({ token } = await admin.node.json<{ token: string }>(['token', 'create', '--approve', '--uses', '0']));
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const waiting = async (): Promise<Waiting['waiting']> =>
    (await admin.node.json<Waiting>(['approve'])).waiting;
  const join = (...extra: string[]): string[] => ['join', token, '--name', 'web', ...extra];

  async function untilWaiting(count: number): Promise<Waiting['waiting']> {
    for (let i = 0; i < 100; i++) {
      const now = await waiting();
      if (now.length === count) return now;
      await sleep(100);
    }
    throw new Error(`not ${count} wait: ${JSON.stringify(await waiting())}`);
  }

  it('gives up after its time with exit status 4, and goes on as the same machine', async () => {
    const given = await web.node.cli([...join('--timeout', '2s'), '--json'], { allowFailure: true });
    expect(given.stdout).toContain('"event":"waiting"');
    expect(given.stdout).toContain('EVIO_WAITING');
    expect(given.status).toBe(4);
    web.node.launch(join());
    await web.node.process?.line(/"event":\s*"waiting"/, 20_000);
    const [first] = await untilWaiting(1);
    await web.node.stop();
    await untilWaiting(0);
    web.node.launch(join());
    expect((await untilWaiting(1))[0]?.id).toBe(first?.id);
    const { stdout } = await admin.node.cli(['status']);
    expect(stdout).toMatch(/web waits for approval: \S+\/bin\/run\.js approve web/);
  });

  it('is known to no member meanwhile, and has no interface', async () => {
    expect((await member.node.peers()).map(({ name }) => name)).toEqual(['n0']);
    expect((await admin.node.peers()).map(({ name }) => name)).toEqual(['n1']);
    const { stdout } = await web.site.host.run(['ip', '-o', 'link']);
    expect(stdout).not.toContain('evio');
  });

  it('is let in by an admin, and everybody reaches it', async () => {
    const [first] = await untilWaiting(1);
    const done = await admin.node.json<{ approved: string }>(['approve', 'web']);
    const at = performance.now();
    expect(done.approved).toBe(first?.id);
    await web.node.process?.line(/"event":\s*"joined"/, 20_000);
    console.log(`it had joined ${Math.round(performance.now() - at)} ms after the command`);
    await web.node.up();
    await reaches(member, web, 20_000);
    await reaches(web, admin, 20_000);
    expect(await waiting()).toEqual([]);
  });

  it('is turned away for good, and another by the same token is not', async () => {
    const other = await net.place(site, 'other');
    const refused = other.node.cli(['join', token, '--name', 'other', '--json'], { allowFailure: true });
    await untilWaiting(1);
    const denied = await admin.node.json<{ denied: string }>(['approve', 'other', '--deny']);
    expect(denied.denied).toMatch(/^[0-9a-f]{32}$/);
    expect((await refused).stdout).toContain('EVIO_REVOKED');
    const again = other.node.cli(['join', token, '--name', 'other', '--timeout', '3s', '--json'], {
      allowFailure: true,
    });
    expect((await again).stdout).toContain('EVIO_REVOKED');
  });

  it('stays out with a program that believes it was let in', async () => {
    // It stores the membership without asking, and runs: relay and members refuse it.
    const sneaky = await net.place(site, 'sneaky');
    await sneaky.node.cli(['join', token, '--name', 'sneaky', '--no-start']);
    const running = sneaky.node.launch(['node']);
    await running.line(/"event":\s*"waiting"/, 20_000);
    await untilWaiting(1);
    await sleep(3_000);
    expect(await sneaky.node.peers()).toEqual([]);
    for (const one of [admin, member]) {
      expect((await one.node.peers()).map(({ name }) => name)).not.toContain('sneaky');
    }
    await admin.node.json(['approve', 'sneaky']);
    await sneaky.node.up();
    await reaches(member, sneaky, 20_000);
  });
});
