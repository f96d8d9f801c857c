/** Which signals reach this process. */
import { Arena } from './arena.js';
import { bind } from './symbols.js';

/** `<signal.h>` of Linux on x64 and arm64. */
const SIGUSR1 = 10;
const SIG_UNBLOCK = 1;

/**
 * Has SIGUSR1 come to its listeners. Node blocks it for good where it is told to keep its inspector out of it
 * (`--disable-sigusr1`), listeners or not. Call it on the main thread when there is a listener. Without native code
 * nothing changes.
 */
export function hearUserSignal(): void {
  try {
    const arena = new Arena(128);
    arena.view.setUint32(0, 1 << (SIGUSR1 - 1), true);
    bind('int pthread_sigmask(int how, uintptr_t set, uintptr_t old)')(SIG_UNBLOCK, arena.base, 0);
  } catch {
    // A report that does not come is all that is lost.
  }
}
