import { Arena } from './arena.js';
import { libc } from './libc.js';

/** `<linux/time.h>`; `struct timespec` is two words of 64 bits. */
const CLOCK_MONOTONIC = 1;
const nanosecondsAt = 8;

/** The time of `monotonicClock`, read now and then: ms. It is the same in every process of the machine. */
export function monotonicMs(): number {
  return monotonicClock(new Arena(64))();
}

/**
 * Milliseconds of CLOCK_MONOTONIC, the same in every thread of the process. `performance.now()` counts from the start of
 * its thread, and comes to its number through a dozen functions, which is felt where one packet wakes a thread.
 * Takes a little room in the arena.
 */
export function monotonicClock(arena: Arena): () => number {
  const { view, base } = arena;
  const { clock_gettime: read } = libc();
  const at = arena.alloc(2 * nanosecondsAt);
  return () => {
    read(CLOCK_MONOTONIC, base + at);
    // 2^32 seconds are 136 years of one machine's uptime.
    return view.getUint32(at, true) * 1e3 + view.getUint32(at + nanosecondsAt, true) / 1e6;
  };
}
