import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { withLock } from '../../../src/core/process/lock.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-lock-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe('the lock of a folder', () => {
  it('of a holder that was killed before it wrote who it is, is taken over while the next one still waits', async () => {
    writeFileSync(join(folder, 'lock'), '');
    expect(await withLock(folder, () => 'done')).toBe('done');
  });
});
