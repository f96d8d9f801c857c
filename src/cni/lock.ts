/**
 * One plugin of a home at a time. The lock is the kernel's (flock(2)) and belongs to the open file, which programs that
 * run meanwhile inherit: when the plugin is killed, the lock lasts until the program that it started has ended, too. So
 * whoever cleans up comes after what is to be cleaned up.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { tryLock } from '../core/native/file-lock.js';
import { Code, CniError } from './errors.js';
import { ended } from './programs.js';

/** Longest wait for others, seconds: fifty pods at once take three. */
const waitS = 30;

/** Does `work` while no other plugin works at this path. `work` gets the descriptor that holds the lock. */
export function locked<T>(path: string, work: (held: number) => T): T {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const held = openSync(path, 'a', 0o600);
  try {
    if (!tryLock(held) && !awaitLock(held, waitS))
      throw new CniError(Code.tryAgain, `other pods kept the plugin waiting for ${waitS} s`);
    return work(held);
  } finally {
    closeSync(held);
  }
}

/**
 * Takes a lock that another has, once it lets go; false: not within so many seconds. A program waits, locks the file that it inherits,
 * and ends: the lock is that of the open file, which stays ours. Throws CniError (100) where there is no such program.
 */
export function awaitLock(held: number, seconds: number): boolean {
  const flock = ['flock', '--exclusive', '--wait', String(seconds), '3'] as const;
  return ended(flock, '', { held, ms: (seconds + 5) * 1000 }).status === 0;
}
