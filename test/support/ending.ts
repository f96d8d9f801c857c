/** Ends what runs on a machine of a test: everything in its mount namespace and in its cgroups, which go with it. */
import { existsSync, readdirSync, readFileSync, readlinkSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { sleep } from '../../src/lab/exec.js';

const hierarchies = '/sys/fs/cgroup';

/** The machine's cgroup in every hierarchy, inner ones first. */
function cgroupsOf(name: string): string[] {
  return readdirSync(hierarchies).flatMap((hierarchy) => {
    const top = join(hierarchies, hierarchy, name);
    if (!existsSync(top)) return [];
    const inner = readdirSync(top, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name));
    return [top, ...inner].sort((a, b) => b.length - a.length);
  });
}

function processesIn(cgroup: string): number[] {
  try {
    return readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

function mountsOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/mnt`);
  } catch {
    return '';
  }
}

/** Processes in the mount namespace of `pid`; none where that is our own. */
function processesBeside(pid: string): number[] {
  const theirs = pid === '' ? '' : mountsOf(pid);
  if (theirs === '' || theirs === mountsOf('self')) return [];
  return readdirSync('/proc')
    .filter((other) => /^\d+$/.test(other) && mountsOf(other) === theirs)
    .map(Number);
}

/**
 * @param pid the machine's first process; empty: there is none
 * @param cgroup the name of its cgroup, which no other machine has
 */
export async function endMachine(pid: string, cgroup: string): Promise<void> {
  for (let round = 0; round < 20; round++) {
    const pids = [...cgroupsOf(cgroup).flatMap(processesIn), ...processesBeside(pid)];
    if (pids.length === 0) break;
    for (const each of pids) {
      try {
        process.kill(each, 'SIGKILL');
      } catch {
        // It ended by itself.
      }
    }
    await sleep(100);
  }
  for (const folder of cgroupsOf(cgroup))
    try {
      rmdirSync(folder);
    } catch {
      // Not empty: a process that the kernel has not let go yet.
    }
}
