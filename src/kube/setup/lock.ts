/**
 * One `evio kube init` or `reset` at a time. The lock is the kernel's (flock(2)) and belongs to the open file, which the programs
 * inherit that they run: after a kill it lasts until these have ended, too, so that nobody joins while another join still goes on.
 */
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { awaitLock } from '../../cni/lock.js';
import { ensureFolder, type Home } from '../../core/config/home.js';
import { storageError } from '../../core/disk/storage-error.js';
import { EvioError, messageOf } from '../../core/lib/errors.js';
import { tryLock } from '../../core/native/file-lock.js';

/** kubeadm gives up a join after five minutes. */
const longestWaitS = 600;

/**
 * Waits for the lock, and holds it until this process ends. Returns the descriptor that holds it.
 *
 * @param waits is told when another has it
 * @throws EvioError EVIO_KUBE_NODE, EVIO_STORAGE
 */
export function lockSetup(home: Home, waits: () => void): number {
  const path = join(home.path, 'kube-init.lock');
  let held: number;
  ensureFolder(home.path);
  try {
    held = openSync(path, 'a', 0o600);
  } catch (thrown) {
    throw storageError(path, thrown);
  }
  if (tryLock(held)) return held;
  waits();
  if (awaited(held)) return held;
  throw new EvioError(
    'EVIO_KUBE_NODE',
    `Another "evio kube" has worked on this machine for ${longestWaitS} s.`,
    [`Who it is: fuser -v ${path}`],
  );
}

function awaited(held: number): boolean {
  try {
    return awaitLock(held, longestWaitS);
  } catch (thrown) {
    throw new EvioError('EVIO_KUBE_NODE', `Waiting for another failed: ${messageOf(thrown)}.`, [
      'Install util-linux.',
    ]);
  }
}
