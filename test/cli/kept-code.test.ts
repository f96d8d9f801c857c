/** A relay that starts a second time takes what V8 compiled while it ran before. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
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

/** Runs a relay until it listens and `done`; returns what it said of the code. */
async function relay(done: () => void = () => undefined): Promise<string> {
  const child = spawn(node, [binary, 'relay', '--listen', '127.0.0.1:0', '--open', '--json'], {
    env: { ...home.environment, NODE_DEBUG: 'evio', EVIO_KEEP_CODE_MS: '50' },
  });
  const ended = once(child, 'exit');
  try {
    let said = '';
    let out = '';
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    await vi.waitFor(
      () => {
        expect(out).toContain('"listening"');
        done();
      },
      { timeout: 30_000, interval: 20 },
    );
    return said.split('\n').find((line) => line.startsWith('EVIO ')) ?? said;
  } finally {
    child.kill();
    await ended;
  }
}

describe('a relay', { timeout: 120_000 }, () => {
  it('takes at its second start what was compiled in its first, and nothing that is damaged', async () => {
    const file = join(home.path, 'cache/relay');
    expect(
      await relay(() => {
        expect(statSync(file).mode & 0o777).toBe(0o600);
      }),
    ).toContain('compiles, and not by');
    expect(await relay()).toContain(`takes ${file}`);
    const bytes = readFileSync(file);
    writeFileSync(file, bytes.fill(0, bytes.length >> 1, (bytes.length >> 1) + 4096));
    const damaged = statSync(file).ino;
    expect(
      await relay(() => {
        expect(statSync(file).ino).not.toBe(damaged);
      }),
    ).toContain('compiles, and not by');
    expect(await relay()).toContain('takes');
  });
});
