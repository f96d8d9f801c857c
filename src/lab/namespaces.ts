/** Making, finding and removing network namespaces and the files `ip netns exec` lays over /etc. */
import { existsSync, mkdirSync, readdirSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { pause } from '../core/lib/pause.js';
import { findProgram, requirePrograms, run, runSync } from './exec.js';

/** iproute2 keeps a bind mount of each named namespace here. */
const mountFolder = '/run/netns';
/** Files in /etc/netns/NS appear in /etc of programs run by `ip netns exec NS`. */
const overlayFolder = '/etc/netns';

/** Throws EVIO_NO_PRIVILEGE or EVIO_LAB when this machine cannot hold a lab, saying what would help. */
export async function requireLab(): Promise<void> {
  if (process.platform !== 'linux') {
    throw new EvioError('EVIO_LAB', 'The network lab needs Linux network namespaces.', [
      'Run it on a Linux machine or in a Linux virtual machine.',
    ]);
  }
  if (process.getuid?.() !== 0) {
    throw new EvioError('EVIO_NO_PRIVILEGE', 'The network lab needs root to make network namespaces.', [
      'Run it with sudo.',
    ]);
  }
  requirePrograms('ip', 'nft', 'ping', 'conntrack');
  const trial = `evio-trial-${process.pid}`;
  try {
    await run(['ip', 'netns', 'add', trial]);
    await run(['nft', 'add', 'table', 'inet', 'trial'], { ns: trial });
  } catch (thrown) {
    throw new EvioError(
      'EVIO_LAB',
      `This machine does not allow network namespaces with nftables: ${messageOf(thrown)}`,
      [
        'In a container, add --privileged (or --cap-add SYS_ADMIN --cap-add NET_ADMIN)',
        'Or use a virtual machine.',
      ],
      { cause: thrown },
    );
  } finally {
    runSync(['ip', 'netns', 'del', trial]);
  }
}

/** Names of the namespaces that begin with one of `prefixes`. */
export function listNamespaces(...prefixes: readonly string[]): string[] {
  if (!existsSync(mountFolder)) return [];
  return readdirSync(mountFolder)
    .filter((name) => prefixes.some((prefix) => name.startsWith(prefix)))
    .sort();
}

/** Writes /etc/hosts and an empty resolv.conf (so that name lookups fail at once) for a namespace. */
export function writeNames(ns: string, names: ReadonlyMap<string, readonly string[]>): void {
  const folder = join(overlayFolder, ns);
  mkdirSync(folder, { recursive: true });
  const lines = ['127.0.0.1 localhost', '::1 localhost'];
  for (const [name, addresses] of names) lines.push(...addresses.map((address) => `${address} ${name}`));
  // Same inode each time: programs already running see the new text through their bind mount.
  writeFileSync(join(folder, 'hosts'), `${lines.join('\n')}\n`);
  const resolv = join(folder, 'resolv.conf');
  if (!existsSync(resolv)) writeFileSync(resolv, '');
}

/** Process ids that live in any of these namespaces, this process excepted. */
export function processesIn(namespaces: readonly string[]): number[] {
  const inodes = new Set<string>();
  for (const ns of namespaces) {
    try {
      inodes.add(`net:[${statSync(join(mountFolder, ns)).ino}]`);
    } catch {
      // Gone already.
    }
  }
  const pids: number[] = [];
  for (const entry of inodes.size === 0 ? [] : readdirSync('/proc')) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (inodes.has(readlinkSync(`/proc/${pid}/ns/net`))) pids.push(pid);
    } catch {
      // Ended meanwhile, or a kernel thread.
    }
  }
  return pids;
}

function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch {
      // Ended meanwhile.
    }
  }
}

/**
 * Ends the processes in these namespaces by their ids (SIGTERM, SIGKILL after `graceMs`), removes the
 * namespaces with everything in them, and their files under /etc/netns. Blocks, never throws, can be
 * repeated: it also runs while the process exits.
 */
export function removeNamespaces(namespaces: readonly string[], graceMs = 1_000): void {
  signalAll(processesIn(namespaces), 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (performance.now() < deadline && processesIn(namespaces).length > 0) pause(20);
  signalAll(processesIn(namespaces), 'SIGKILL');
  if (namespaces.length > 0 && findProgram('ip') !== undefined) {
    const lines = namespaces.map((ns) => `netns del ${ns}`).join('\n');
    runSync(['ip', '-force', '-batch', '-'], { input: `${lines}\n` });
  }
  for (const ns of namespaces) {
    try {
      rmSync(join(overlayFolder, ns), { recursive: true, force: true });
    } catch {
      // A read-only /etc: nothing of ours is in it either.
    }
  }
}

/** True when a process with this id exists. */
function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (thrown) {
    return (thrown as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * Namespaces left behind by runs that died: those of `prefix` itself, and those of `prefix` + a process id
 * that no longer exists (the default prefix of `Lab.create`).
 */
export function leftOvers(prefix: string): string[] {
  const folders = existsSync(overlayFolder) ? readdirSync(overlayFolder) : [];
  const names = [
    ...new Set([...listNamespaces(prefix), ...folders.filter((name) => name.startsWith(prefix))]),
  ];
  return names.filter((name) => {
    const match = /^(\d*)(?:x\d+)?-/.exec(name.slice(prefix.length));
    return match !== null && (match[1] === '' || !alive(Number(match[1])));
  });
}
