/** A file that must not be there yet: whole and on disk when the call returns, or not there. The mode is 0600. */
import { closeSync, fsyncSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { syncFolder } from './replace-file.js';

/** Throws the system's error: EEXIST where the file is there, which is left as it is. */
export function newFileSync(path: string, text: string): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    try {
      writeFileSync(fd, text);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
  } catch (thrown) {
    rmSync(path, { force: true });
    throw thrown;
  }
  syncFolder(dirname(path));
}
