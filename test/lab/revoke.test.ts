/** Eight machines: one is revoked, everybody drops it within two seconds, and by no way does it come back. */
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sleep } from '../../src/lab/exec.js';
import { TestNet, type TestNode } from './support.js';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));
const site = { nat: 'endpoint-independent' } as const;

describe('a member that is revoked', () => {
  let net: TestNet;
  let maker: TestNode;
  let others: TestNode[];
  let mallory: TestNode;
  let malloryId = '';

  beforeAll(async () => {
    net = await TestNet.create(site);
    for (let i = 1; i < 8; i++) await net.add(site);
    maker = net.nodes[0] as TestNode;
    mallory = net.nodes[7] as TestNode;
    others = net.nodes.slice(0, 7);
    // Everybody is connected with it, so everybody has something to drop.
    const { node } = await mallory.node.json<{ node: { id: string } }>(['status']);
    malloryId = node.id;
    for (const other of others) await other.node.json(['ping', 'n7', '-c', '1', '--timeout', '10s']);
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const knows = async (node: TestNode): Promise<boolean> =>
    (await node.node.peers()).some(({ name }) => name === 'n7');

  const codeOf = async (node: TestNode, args: readonly string[]): Promise<string> => {
    const result = await node.site.host.run([process.execPath, binary, ...args, '--json'], {
      env: { EVIO_HOME: node.node.home, CI: 'true' },
      allowFailure: true,
      timeoutMs: 60_000,
    });
    const last = result.stdout.trim().split('\n').at(-1) ?? '{}';
    return (JSON.parse(last) as { error?: { code: string } }).error?.code ?? 'none';
  };

  it('is dropped by everybody within two seconds of the answer', async () => {
    for (const other of others) expect(await knows(other)).toBe(true);
    const revoked = await maker.node.json<{ revoked: string; serial: number }>([
      'revoke',
      'n7',
      '--reason',
      'a test',
    ]);
    const at = performance.now();
    expect(revoked).toMatchObject({ revoked: malloryId });
    const left = new Set(others);
    while (left.size > 0 && performance.now() - at < 10_000) {
      await Promise.all(
        [...left].map(async (other) => {
          if (!(await knows(other))) left.delete(other);
        }),
      );
      await sleep(20);
    }
    const tookMs = Math.round(performance.now() - at);
    console.log(`all seven had dropped it ${tookMs} ms after the command`);
    expect(left.size).toBe(0);
    expect(tookMs).toBeLessThan(2_000);
  });

  it('stops by itself, and does not start again with what it knows', async () => {
    expect(await codeOf(mallory, ['node'])).toBe('EVIO_REVOKED');
  });

  it('is refused with its old certificate when it forgets that it was revoked', async () => {
    const ledger = join(mallory.node.home, 'networks', await networkId(), 'ledger.log');
    expect(existsSync(ledger)).toBe(true);
    rmSync(ledger);
    // What a relay says ends no node: it goes on, remembers where the others were, and nobody answers.
    mallory.node.launch(['node']);
    await sleep(8_000);
    const peers = await mallory.node.peers();
    expect(peers.filter(({ state }) => state === 'connected')).toEqual([]);
    for (const other of others) expect(await knows(other)).toBe(false);
    await mallory.node.stop();
  });

  it('makes itself no new key by the invite that it joined by', async () => {
    const fresh = await net.place(site, 'fresh');
    expect(await codeOf(fresh, ['join', net.token, '--name', 'fresh'])).toBe('EVIO_REVOKED');
  });

  it('the others go on, who joined by the same invite too', async () => {
    for (const other of others.slice(1)) {
      const pong = await other.node.json<{ received: number }>(['ping', 'n0', '-c', '1', '--timeout', '10s']);
      expect(pong.received).toBe(1);
    }
  });

  async function networkId(): Promise<string> {
    return (await maker.node.json<{ network: { id: string } }>(['network', 'show'])).network.id;
  }
});
