/**
 * The hosts file, changed under a lock and in place: it keeps its owner, its mode and its inode (a container's is a mount of
 * its own, which cannot be replaced), and nothing before the first byte that differs is written. Blocks stand at the end, so that
 * what people wrote is not.
 */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../lib/errors.js';
import { tryLock } from '../native/file-lock.js';

const patienceMs = 2_000;
const retryMs = 20;
/** A larger one is not a hosts file that a person keeps. */
const longestHosts = 8 << 20;

/**
 * Makes the file's text another; where it is the same nothing is written. Throws the system's error, and an Error where others hold
 * it too long.
 */
export async function changeHosts(path: string, change: (text: string) => string): Promise<void> {
  const fd = openSync(path, 'r+');
  try {
    const end = performance.now() + patienceMs;
    while (!tryLock(fd)) {
      if (performance.now() > end) throw new Error(`${path} is locked by another program`);
      await sleep(retryMs);
    }
    const before = readFileSync(fd);
    if (before.length > longestHosts) throw new Error(`${path} is too long`);
    // Byte by byte, so that what is no UTF-8 stays what it is.
    const text = before.toString('latin1');
    const after = Buffer.from(change(text), 'latin1');
    let same = 0;
    while (same < before.length && before[same] === after[same]) same++;
    if (same === before.length && same === after.length) return;
    for (let at = same; at < after.length;) at += writeSync(fd, after, at, after.length - at, at);
    if (after.length < before.length) ftruncateSync(fd, after.length);
  } finally {
    // The lock goes with the descriptor.
    closeSync(fd);
  }
}

/** Why the file could not be changed, and what mends it. @param service a service manager runs this process */
export function hostsFault(path: string, thrown: unknown, service: boolean): string {
  const { code } = thrown as NodeJS.ErrnoException;
  if (code === 'ENOENT') return `${path}: there is none; make one, and start the node again`;
  // ReadWritePaths= of the unit is a mount of the one file (service/units.ts): editors put another in its place.
  if (code === 'EROFS' && service)
    return `${path}: it was replaced since this service began, which may write to the file of then only, or the disk is read-only. A restart loses no packet: sudo systemctl restart evio`;
  return `${path}: ${messageOf(thrown)}`;
}
