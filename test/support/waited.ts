/** What a busy machine costs a process, so that a time that it needed can be judged. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * How long the threads of a process have waited for a processor since they began, added up, ms; next to nothing on a machine
 * that has one to spare. Of proc(5): the second number of schedstat, ns. Threads that have ended do not count.
 */
export function waitedMs(pid: number): number {
  const tasks = `/proc/${pid}/task`;
  let ns = 0;
  try {
    for (const task of readdirSync(tasks))
      ns += Number(readFileSync(`${tasks}/${task}/schedstat`, 'utf8').split(' ')[1]);
  } catch {
    // It ended meanwhile, or the kernel keeps no such numbers.
  }
  return Math.round(ns / 1e6);
}
