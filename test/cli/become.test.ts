/** A successor whose process before was killed becomes a relay or a node of its own (native/exec.ts, handover/take.ts). */
import { execFileSync, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { binary, TestHome } from './support.js';

it('says on where it said before', () => {
  const exec = fileURLToPath(new URL('../../dist/core/native/exec.js', import.meta.url));
  const after = 'process.stdout.write("after "); process.stderr.write("all")';
  const before = `import { become } from ${JSON.stringify(exec)};
process.stdout.write('before ');
throw become([process.execPath, '-e', ${JSON.stringify(after)}], process.env);`;
  const words = ['-c', '"$0" --input-type=module -e "$1" 2>&1', process.execPath, before];
  expect(execFileSync('sh', words, { encoding: 'utf8' })).toBe('before after all');
});

it('serves, also where the process before had not said a word', { timeout: 60_000 }, async () => {
  const home = new TestHome();
  const child = spawn(process.execPath, [binary, 'relay', '--listen', '127.0.0.1:0', '--json'], {
    env: { ...home.environment, EVIO_HANDOVER: '3' },
    stdio: ['ignore', 'pipe', 'inherit', 'pipe'],
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  try {
    (child.stdio[3] as Socket).destroy();
    let said = '';
    child.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await expect.poll(() => said, { timeout: 50_000 }).toContain('"listening"');
  } finally {
    child.kill('SIGTERM');
    await ended;
    home.remove();
  }
});
