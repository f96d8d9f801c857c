/** Does the disk keep what is written? */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs';

/** Smallest unit in which file systems give room, bytes. */
const block = 4096;

/** Writes a block to a new file, has the disk take it, and removes the file. Throws what the system says. */
export function writeTrial(path: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    const data = Buffer.alloc(block);
    if (writeSync(fd, data) < block)
      throw Object.assign(new Error('the file is cut short'), { code: 'ENOSPC' });
    fsyncSync(fd);
  } finally {
    closeSync(fd);
    rmSync(path, { force: true });
  }
}
