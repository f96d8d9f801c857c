/** Runs kubeadm, whose talk goes where ours goes: to standard error. */
import { spawnSync } from 'node:child_process';
import { EvioError } from '../../core/lib/errors.js';
import { findProgram, type Whereabouts } from './machine.js';

/**
 * @param held descriptor of the lock (lock.ts)
 * @throws EvioError EVIO_KUBE_NODE when there is none, or when it failed
 */
export function runKubeadm(where: Whereabouts, words: readonly string[], held: number): void {
  const path = findProgram(where, 'kubeadm');
  if (path === undefined) throw new EvioError('EVIO_KUBE_NODE', 'kubeadm is not installed.');
  const { status, error } = spawnSync(path, words, { stdio: ['inherit', 2, 2, held] });
  if (status === 0) return;
  const reason = error?.message ?? `status ${status ?? 'of a signal'}`;
  throw new EvioError('EVIO_KUBE_NODE', `kubeadm ${words[0] ?? ''} failed (${reason}); it says why above.`, [
    'Mend that, and run the same command again.',
  ]);
}
