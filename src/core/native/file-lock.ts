/** The kernel's lock of an open file (flock(2)): programs that inherit the file hold it, too, and it ends with the last of them. */
import { libc } from './libc.js';

/** `<sys/file.h>`. */
const LOCK_EX = 2;
const LOCK_NB = 4;

/** Takes it, unless another has it. Throws EvioError EVIO_NO_NATIVE. */
export function tryLock(fd: number): boolean {
  return libc().flock(fd, LOCK_EX | LOCK_NB) === 0;
}
