/**
 * While packets wait for two processes, their control threads go before other programs: on a busy machine each step of the talk would
 * else wait for its turn, and all steps together for seconds, longer than the system keeps packets for.
 */
import { getPriority, setPriority } from 'node:os';

/** setpriority(2): of the calling thread. */
const self = 0;
const first = -20;

/** Goes first from now on, where the system allows it (CAP_SYS_NICE). Returns what ends that; more than once does no harm. */
export function hurry(): () => void {
  const before = getPriority(self);
  try {
    setPriority(self, first);
  } catch {
    return () => undefined;
  }
  return () => {
    setPriority(self, before);
  };
}
