/** A log that nobody rotates does not grow without end. In a process whose output is that file. */
import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { hasBuild } from '../../support/need.js';

const built = fileURLToPath(new URL('../../../dist/core/process/reopen-log.js', import.meta.url));

it.runIf(hasBuild())('is put aside when it has become long, and loses no line', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-log-'));
  const path = join(folder, 'evio.log');
  const fd = openSync(path, 'a', 0o600);
  const program = `const { outputLog } = await import(${JSON.stringify(built)});
    const log = await outputLog(process.argv[1], { maxLength: 2_000, everyMs: 20 });
    let n = 0;
    const write = setInterval(() => {
      console.log('line ' + n++ + ' ' + 'x'.repeat(100));
      if (n < 100) return;
      clearInterval(write);
      log.release();
    }, 5);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', program, path], {
    stdio: ['ignore', fd, fd],
  });
  closeSync(fd);
  try {
    const status = await new Promise((resolve) => child.once('close', resolve));
    const numbers = (file: string): number[] =>
      [...readFileSync(file, 'utf8').matchAll(/^line (\d+) /gm)].map(([, n]) => Number(n));
    expect(status).toBe(0);
    expect(existsSync(`${path}.1`)).toBe(true);
    const kept = [...numbers(`${path}.1`), ...numbers(path)];
    // The last two files have what was said last, without a gap.
    expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 100 - kept.length + i));
    expect(kept.length).toBeLessThan(100);
  } finally {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  }
});
