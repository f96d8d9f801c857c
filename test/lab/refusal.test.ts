/** What a live network refuses, in one sentence with a code, an exit status and nothing half-written. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { run } from '../../src/lab/exec.js';
import { reaches, TestNet, type TestNode } from './support.js';

const binary = fileURLToPath(new URL('../../bin/run.js', import.meta.url));

interface Refused {
  status: number | null;
  error: { code: string; message: string; suggestions: string[] };
}

describe('refusals', () => {
  let net: TestNet;
  let maker: TestNode;
  let count = 0;

  beforeAll(async () => {
    net = await TestNet.create({ nat: 'endpoint-independent' });
    [maker] = net.nodes as [TestNode];
  });
  afterAll(async () => {
    await net?.destroy();
  });

  const stranger = (): Promise<TestNode> => net.place({ nat: 'endpoint-independent' }, `s${++count}`);

  async function refused(
    node: TestNode,
    args: readonly string[],
    wrap: readonly string[] = [],
  ): Promise<Refused> {
    const result = await node.site.host.run([...wrap, process.execPath, binary, ...args, '--json'], {
      env: { EVIO_HOME: node.node.home, CI: 'true' },
      allowFailure: true,
      timeoutMs: 60_000,
    });
    const { error } = JSON.parse(result.stdout.trim().split('\n').at(-1) as string) as Refused;
    expect(error.message).toMatch(/^[A-Z"].*\.$/s);
    expect(error.suggestions.length).toBeGreaterThan(0);
    return { status: result.status, error };
  }

  /** A join that was begun stays begun, `.join-…`: the relay may have counted its use. It is no network. */
  const nothingWritten = (node: TestNode): void => {
    const networks = join(node.node.home, 'networks');
    const stored = existsSync(networks) ? readdirSync(networks) : [];
    expect(stored.filter((name) => !name.startsWith('.join-'))).toEqual([]);
  };

  const invite = async (...args: string[]): Promise<string> =>
    (await maker.node.json<{ token: string }>(['token', 'create', ...args])).token;

  it('a token that is used up', async () => {
    const token = await invite('--uses', '1');
    const [first, second] = [await stranger(), await stranger()];
    first.node.launch(['join', token]);
    await first.node.up();
    await reaches(first, maker, 5_000);
    const { status, error } = await refused(second, ['join', token]);
    expect(error.code).toBe('EVIO_TOKEN_USED_UP');
    expect(status).toBe(1);
    nothingWritten(second);
    // The one that was counted may come back as often as it likes.
    await first.node.stop();
    first.node.launch(['node']);
    await first.node.up();
    await reaches(first, maker, 5_000);
  });

  it('a token that expired since it was stored', async () => {
    const late = await stranger();
    const token = await invite('--expires', '8s');
    await late.node.cli(['join', token, '--no-start']);
    await new Promise((resolve) => setTimeout(resolve, 8_500));
    const { error } = await refused(late, ['node']);
    expect(error.code).toBe('EVIO_TOKEN_EXPIRED');
  });

  it('an address that another member has, and one outside the network', async () => {
    const node = await stranger();
    const taken = await refused(node, ['join', net.token, '--ip', maker.node.ip]);
    expect(taken.error.code).toBe('EVIO_ADDRESS_TAKEN');
    expect(taken.status).toBe(1);
    nothingWritten(node);
    const outside = await refused(node, ['join', net.token, '--ip', '192.0.2.77']);
    expect(outside.error.code).toBe('EVIO_ADDRESS_OUTSIDE');
    expect(outside.status).toBe(2);
    nothingWritten(node);
  });

  it('a relay that cannot be reached', async () => {
    const node = await stranger();
    await node.site.unplug(true);
    const { status, error } = await refused(node, ['join', net.token]);
    expect(error.code).toBe('EVIO_RELAY_UNREACHABLE');
    expect(status).toBe(4);
    nothingWritten(node);
  });

  it('a relay with another key', async () => {
    const node = await stranger();
    const url = net.rig.relayUrl.replace(/#.*/, `#${'A'.repeat(43)}`);
    const { status, error } = await refused(node, ['init', 'other', '--relay', url]);
    expect(error.code).toBe('EVIO_RELAY_KEY_MISMATCH');
    expect(status).toBe(1);
    nothingWritten(node);
  });

  it('a second node on the same home', async () => {
    const { status, error } = await refused(maker, ['node']);
    expect(error.code).toBe('EVIO_ALREADY_RUNNING');
    expect(status).toBe(1);
  });

  it('a user without privilege, and a machine without /dev/net/tun', async () => {
    const node = await stranger();
    await node.node.cli(['join', net.token, '--no-start']);
    const weak = await refused(
      node,
      ['node'],
      ['setpriv', '--bounding-set=-net_admin', '--inh-caps=-net_admin'],
    );
    expect(weak.error.code).toBe('EVIO_NO_PRIVILEGE');
    expect(weak.status).toBe(5);
    const empty = join(node.node.home, 'empty');
    mkdirSync(empty);
    const hidden = await refused(
      node,
      ['node'],
      [
        ...['unshare', '--mount', '--propagation', 'private', 'sh', '-c'],
        `mount --bind ${empty} /dev/net && exec "$0" "$@"`,
      ],
    );
    expect(hidden.error.code).toBe('EVIO_NO_TUN');
    expect(hidden.status).toBe(5);
  });

  it('goes on when its disk is full', async () => {
    const node = await stranger();
    await node.node.cli(['join', net.token, '--no-start']);
    // The whole home becomes a file system without room.
    const full = await run(['sh', '-c', `mount -t tmpfs -o size=256k evio-full ${node.node.home} 2>&1`], {
      allowFailure: true,
    });
    expect(full.status).toBe(0);
    try {
      await node.node.cli(['join', net.token, '--no-start']);
      await run([
        'sh',
        '-c',
        `dd if=/dev/zero of=${node.node.home}/ballast bs=1k count=400 2>/dev/null; true`,
      ]);
      node.node.launch(['node']);
      await node.node.up();
      await reaches(node, maker, 5_000);
      await node.node.stop();
    } finally {
      await run(['umount', '-l', node.node.home]);
    }
  });

  it('nothing of what runs: status of a home without a node', async () => {
    const node = await stranger();
    const { status, error } = await refused(node, ['status']);
    expect(error.code).toBe('EVIO_NOT_RUNNING');
    expect(status).toBe(3);
  });
});
