/** The log of a detached node is a file that standard output and error were opened with: whoever rotates it sends SIGHUP. */
import { closeSync, fstatSync, openSync } from 'node:fs';
import { libc } from '../native/libc.js';

const outputs = [1, 2] as const;

/**
 * Call it at the start. Returns what opens the file of this path again, under the descriptors that were that file then;
 * nothing happens where there was none.
 */
export function logReopener(path: string): () => void {
  const ours = outputs.filter((fd) => isFile(fd, path));
  return () => {
    if (ours.length === 0) return;
    const fresh = openSync(path, 'a', 0o600);
    for (const fd of ours) libc().dup2(fresh, fd);
    closeSync(fresh);
  };
}

function isFile(fd: number, path: string): boolean {
  try {
    const file = openSync(path, 'r');
    const [a, b] = [fstatSync(fd), fstatSync(file)];
    closeSync(file);
    return a.isFile() && a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}
