/** The scheduling class of the calling thread (sched(7)). */
import type { Arena } from './arena.js';
import { bind } from './symbols.js';

const SCHED_OTHER = 0;
const SCHED_RR = 2;
/** Threads and processes that it starts are ordinary. */
const SCHED_RESET_ON_FORK = 0x4000_0000;
/** The lowest of the real-time priorities. */
const lowest = 1;

/**
 * A function that puts this thread before all ordinary ones (true), or back among them (false). It does nothing where
 * the system does not allow it: that takes CAP_SYS_NICE, or a limit RTPRIO. Takes a little room in the arena.
 */
export function threadUrgency(arena: Arena): (urgent: boolean) => void {
  const self = bind('uintptr_t pthread_self()')();
  const set = bind('int pthread_setschedparam(uintptr_t thread, int policy, uintptr_t parameter)');
  const parameter = arena.alloc(8);
  let refused = false;
  let now = false;
  return (urgent) => {
    if (urgent === now || refused) return;
    arena.view.setInt32(parameter, urgent ? lowest : 0, true);
    const policy = urgent ? SCHED_RR | SCHED_RESET_ON_FORK : SCHED_OTHER;
    refused = set(self, policy, arena.base + parameter) !== 0 && urgent;
    if (!refused) now = urgent;
  };
}
