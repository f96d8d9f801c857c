/**
 * A program that runs for months as root gives up, before it does anything, what it will not need: capabilities, the way
 * back to them, core files. To be whole for the threads that Node made before us, the program is executed once more in its
 * own place, under the same process id, and begins with the little that is left (native/capabilities.ts).
 *
 *   kept always     net_admin (interface, deep buffers), net_bind_service (a port below 1024), sys_nice (packets first)
 *   kept on demand  bpf: `--threads`, to choose the queue of a frame
 *                   dac_override: the state folder belongs to another user
 *                   dac_read_search: a file that was named, or the program itself, may be for another user's eyes
 */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { homeFrom } from '../config/home.js';
import {
  bitsOf,
  Capability,
  giveUp,
  keepMemoryPrivate,
  privileges,
  replaceProcess,
} from '../native/capabilities.js';
import { keepLeft } from '../handover/store.js';
import { handoverVariable } from '../handover/variable.js';
import { inspectorFlags, withoutInspector } from './inspector.js';
import { programFile, selfArguments } from './self.js';

/** Flags that name a file to read, which root may have been asked to read for somebody else. */
const fileFlags = /^--(token-file|tls-cert|tls-key)(=|$)/;
const worldEntry = 0o001;

/** With these a command that else runs for long is over soon. */
const passing = new Set(['--detach', '--no-start', '--service', '--help', '-h']);

/** True unless a command that runs for long is over soon with these arguments. */
export function isLasting(argv: readonly string[]): boolean {
  return !argv.some((word) => passing.has(word));
}

/** True when a user that is not root could get there: each folder on the way is the user's own, or open to all. */
function reachable(path: string, uid: number): boolean {
  for (let at = dirname(path); ; at = dirname(at)) {
    const found = statSync(at, { throwIfNoEntry: false });
    if (found && found.uid !== uid && (found.mode & worldEntry) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** What this command line needs of root's power. */
export function neededCapabilities(argv: readonly string[], homePath: string, uid = 0): Capability[] {
  const needed: Capability[] = [Capability.netAdmin, Capability.netBindService, Capability.sysNice];
  if (argv.some((word) => /^--threads(=|$)/.test(word))) needed.push(Capability.bpf);
  const home = statSync(homePath, { throwIfNoEntry: false });
  if ((home && home.uid !== uid) || !reachable(homePath, uid)) needed.push(Capability.dacOverride);
  else if (
    argv.some((word) => fileFlags.test(word)) ||
    ![process.execPath, programFile].every((path) => reachable(path, uid))
  )
    needed.push(Capability.dacReadSearch);
  return needed;
}

/**
 * Call it before anything is started or opened. Where there is more than is needed it does not return: the program begins
 * again with less. Where nothing is to be given up, or the system does not allow it, the process goes on as it is;
 * `evio status` and `evio doctor` tell what it holds.
 */
export function confine(argv: readonly string[]): void {
  if (process.platform !== 'linux') return;
  try {
    const needed = bitsOf(neededCapabilities(argv, homeFrom().path));
    const { permitted } = privileges();
    // Who is not root loses what it has by execution, unless it was given as ambient: it was given little, then.
    // The process before it gave up what it had, and the descriptors it left would not outlive another execution.
    const isSuccessor = process.env[handoverVariable] !== undefined;
    const isRoot = process.geteuid?.() === 0 && process.getuid?.() === 0;
    if (isRoot && !isSuccessor && !process.connected && (permitted & ~needed) !== 0n && giveUp(needed)) {
      const flags = process.execArgv.filter((flag) => withoutInspector(flag) !== undefined);
      keepLeft(process.env);
      const more = inspectorFlags().filter((flag) => !flags.includes(flag));
      replaceProcess(process.execPath, [process.argv0, ...selfArguments(argv, [...flags, ...more])], {
        ...process.env,
        NODE_OPTIONS: withoutInspector(process.env['NODE_OPTIONS']),
      });
    }
    keepMemoryPrivate();
  } catch {
    // Without native code there is no node; that is said where it is needed.
  }
}
