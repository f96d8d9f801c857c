/** A program that runs for long takes at its second start what V8 compiled while it ran before. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TestHome, binary } from './support.js';

/** Another Node than that of the tests may be named. */
const node = process.env['EVIO_TEST_NODE'] ?? process.execPath;

let home: TestHome;
beforeEach(() => {
  home = new TestHome();
});
afterEach(() => {
  home.remove();
});

/** Runs a program until it has said the word and what was compiled is in its place; returns what it said of that. */
async function start(word: string, ...argv: string[]): Promise<string> {
  const child = spawn(node, [binary, ...argv, '--json'], {
    env: { ...home.environment, NODE_DEBUG: 'evio', EVIO_KEEP_CODE_MS: '50' },
  });
  const ended = once(child, 'exit');
  try {
    let said = '';
    let out = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    const file = join(home.path, 'cache', argv[0] ?? '');
    await vi.waitFor(
      () => {
        expect(out + said).toContain(word);
        expect(existsSync(file)).toBe(true);
      },
      { timeout: 30_000, interval: 20 },
    );
    expect(statSync(file).mode & 0o777).toBe(0o600);
    return said.split('\n').find((line) => line.startsWith('EVIO ')) ?? said;
  } finally {
    child.kill();
    await ended;
  }
}

describe('a second start', { timeout: 120_000 }, () => {
  it('of a relay takes what was compiled in the first, and nothing that is damaged', async () => {
    const relay = (): Promise<string> => start('"listening"', 'relay', '--listen', '127.0.0.1:0', '--open');
    const file = join(home.path, 'cache/relay');
    expect(await relay()).toContain('compiles, and not by');
    expect(await relay()).toContain(`takes ${file}`);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 4096));
    expect(await relay()).toContain('compiles, and not by');
    expect(await relay()).toContain('takes');
  });

  it('of the agent of Kubernetes is one of what was compiled, too', async () => {
    const config = join(home.path, 'kubeconfig');
    const named = { name: 'n', context: { cluster: 'n', user: 'n' } };
    const server = 'http://127.0.0.1:9';
    const content = {
      'current-context': 'n',
      contexts: [named],
      clusters: [{ name: 'n', cluster: { server } }],
      users: [{ name: 'n', user: {} }],
    };
    writeFileSync(config, JSON.stringify(content));
    const folders = ['--cni-conf', join(home.path, 'conf'), '--cni-bin', join(home.path, 'bin')];
    const agent = (): Promise<string> => start('"started"', 'kube', '--kubeconfig', config, ...folders);
    expect(await agent()).toContain('compiles, and not by');
    expect(await agent()).toContain('takes');
  });
});
