/**
 * One plugin of a home at a time. The lock is the kernel's (flock(2)) and belongs to the open file, which programs that
 * run meanwhile inherit: when the plugin is killed, the lock lasts until the program that it started has ended, too. So
 * whoever cleans up comes after what is to be cleaned up.
 */
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import { libc } from '../core/native/libc.js';
import { Code, CniError } from './errors.js';
import { ended } from './programs.js';

/** `<sys/file.h>`. */
const LOCK_EX = 2;
const LOCK_NB = 4;
/** Longest wait for others, seconds: fifty pods at once take three. */
const waitS = 30;

/** Does `work` while no other plugin works at this path. `work` gets the descriptor that holds the lock. */
export function locked<T>(path: string, work: (held: number) => T): T {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const held = openSync(path, 'a', 0o600);
  try {
    if (libc().flock(held, LOCK_EX | LOCK_NB) === 0) return work(held);
    // Others work. The program waits, locks the file that it inherits, and ends: the lock is that of the open file, which stays ours.
    const flock = ['flock', '--exclusive', '--wait', String(waitS), '3'] as const;
    const { status } = ended(flock, '', { held, ms: (waitS + 5) * 1000 });
    if (status !== 0) throw new CniError(Code.tryAgain, `other pods kept the plugin waiting for ${waitS} s`);
    return work(held);
  } finally {
    closeSync(held);
  }
}
