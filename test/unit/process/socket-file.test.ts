import type * as Fs from 'node:fs';
import { lstatSync, mkdtempSync, rmSync, type PathLike } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { serveNodeMetrics } from '../../../src/core/process/node-metrics.js';
import { listenExclusively, listenInPlace } from '../../../src/core/process/socket-file.js';

/** Files whose mode was set by their name. */
const named = vi.hoisted(() => [] as unknown[]);
vi.mock('node:fs', async (load) => {
  const fs = await load<typeof Fs>();
  const chmodSync = (path: PathLike, mode: number): void => {
    named.push(path);
    fs.chmodSync(path, mode);
  };
  return { ...fs, chmodSync };
});

let folder: string;
let path: string;
beforeEach(() => {
  named.length = 0;
  folder = mkdtempSync(join(tmpdir(), 'evio-socket-'));
  path = join(folder, 'a.sock');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

/** In a folder that another user may write to, something else may stand under the name a moment later. */
describe('the mode of a socket is made with it, and not set by its name', () => {
  const mode = (): number => lstatSync(path).mode & 0o777;

  it('for the owner alone', async () => {
    const [first, second] = [createServer(), createServer()];
    const release = await listenExclusively(first, path);
    expect(mode()).toBe(0o600);
    await listenInPlace(second, path);
    expect([mode(), named]).toEqual([0o600, []]);
    release();
    first.close();
    second.close();
  });

  it('for everybody where numbers are served', async () => {
    const before = process.umask(0o077);
    try {
      const door = await serveNodeMetrics({ path }, join(folder, 'none.sock'), '1.2.3');
      expect([mode(), named]).toEqual([0o666, []]);
      door.close();
    } finally {
      process.umask(before);
    }
  });
});
