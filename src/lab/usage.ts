/** What running programs take of the machine, as proc(5) tells. */
import { readFileSync } from 'node:fs';

/** USER_HZ of every Linux that Node runs on. */
const ticksPerSecond = 100;

/**
 * Processor seconds of these processes and all their threads so far, in user mode and in the kernel on their behalf.
 * The kernel's part includes softirq work that was done while one of them was on the processor. What has ended counts
 * nothing.
 */
export function cpuSeconds(pids: readonly number[]): number {
  let ticks = 0;
  for (const pid of pids) {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      // The name, in parentheses, may hold anything; state is field 3, utime 14, stime 15.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It ended.
    }
  }
  return ticks / ticksPerSecond;
}

/** Resident memory of these processes, MiB. */
export function residentMiB(pids: readonly number[]): number {
  let kib = 0;
  for (const pid of pids) {
    try {
      kib += Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1] ?? 0);
    } catch {
      // It ended.
    }
  }
  return kib / 1024;
}
