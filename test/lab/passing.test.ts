/**
 * Real machines and a relay: CI jobs join by a token of `--ephemeral`, go in order or by kill -9, and everybody forgets them in
 * time. The programs are ours with shorter times: what is minutes there is seconds here.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { makePatched } from '../support/patched.js';
import { reaches, TestNet, type TestNode } from './support.js';

const site = { nat: 'endpoint-independent' } as const;
/** How long they are known after they went, ms. */
const forgetMs = 8_000;
/** When a member that says nothing counts as gone, ms. */
const lostMs = 16_000;
const shorter = [
  { file: 'core/peer/liveness.js', at: 'const lostMs = 35_000', put: `const lostMs = ${lostMs}` },
  {
    file: 'core/node/passing-members.js',
    at: 'passingForgetMs = 5 * 60_000',
    put: `passingForgetMs = ${forgetMs}`,
  },
  { file: 'core/node/passing-members.js', at: 'lookMs = 30_000', put: 'lookMs = 500' },
  {
    file: 'rendezvous/network-record.js',
    at: 'ephemeralForgetMs = 5 * 60_000',
    put: `ephemeralForgetMs = ${forgetMs}`,
  },
  { file: 'rendezvous/server.js', at: 'prunePassingMs = 60_000', put: 'prunePassingMs = 500' },
];

interface Peer {
  readonly id: string;
  readonly name: string;
}

describe('a CI job', () => {
  let net: TestNet;
  let lasting: TestNode[];
  let token = '';

  beforeAll(async () => {
    net = await TestNet.create(site);
    const folder = join(net.rig.folder, 'shorter');
    mkdirSync(folder);
    const program = makePatched(folder, shorter);
    const { relay } = net.rig;
    await relay.stop();
    relay.program = program;
    await net.rig.startRelay();
    lasting = [net.nodes[0] as TestNode, await net.add(site)];
    for (const { node } of lasting) {
      await node.stop();
      node.program = program;
      node.launch(['node']);
      await node.up();
    }
    const made = ['token', 'create', '--uses', '0', '--ephemeral'];
    ({ token } = await (lasting[0] as TestNode).node.json<{ token: string }>(made));
  });
  afterAll(async () => {
    await net?.destroy();
  });

  async function job(name: string, at = name): Promise<TestNode> {
    const placed = await net.place(site, at);
    placed.node.launch(['join', token, '--name', name]);
    await placed.node.up();
    for (const node of lasting) await reaches(placed, node, 20_000);
    return placed;
  }
  const names = async ({ node }: TestNode): Promise<string[]> =>
    (await node.json<{ peers: Peer[] }>(['peers'])).peers.map(({ name }) => name);

  /** Until nobody names any of these; ms. */
  async function forgotten(gone: readonly string[], withinMs: number): Promise<number> {
    const begun = performance.now();
    for (;;) {
      const known = (await Promise.all(lasting.map(names))).flat().filter((name) => gone.includes(name));
      const ms = performance.now() - begun;
      if (known.length === 0) return ms;
      if (ms > withinMs) throw new Error(`${known.join(', ')} are still known after ${Math.round(ms)} ms`);
      await sleep(250);
    }
  }

  it('is forgotten soon after it went, however it did, and not while it is there', async () => {
    const stays = await job('stays');
    const [clean, killed] = [await job('clean'), await job('killed')];
    killed.node.process?.kill('SIGKILL');
    await clean.node.stop();
    // That it was killed shows at the relay at once, and to members when its session was silent for long.
    const ms = await forgotten(['clean', 'killed'], 60_000);
    expect(ms).toBeGreaterThan(forgetMs / 2);
    console.log(`both forgotten after ${Math.round(ms)} ms, of which ${lostMs + forgetMs} are by design`);
    for (const node of lasting) {
      expect(await names(node)).toContain('stays');
      await reaches(node, stays, 20_000);
    }
    await killed.node.stop();
  });

  it('leaves its name to the next, which everybody reaches', async () => {
    const next = await job('clean', 'again');
    for (const node of lasting) {
      expect((await names(node)).filter((name) => name.startsWith('clean'))).toEqual(['clean']);
      await reaches(node, next, 20_000);
    }
  });
});
