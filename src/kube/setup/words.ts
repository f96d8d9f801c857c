/** The words of `evio kube init`: an invite, then what kubeadm is to be run with, as the control plane printed it. Pure. */
import { EvioError } from '../../core/lib/errors.js';

/** Throws EvioError EVIO_USAGE. */
export function splitWords(words: readonly string[]): {
  /** Undefined where none is among the words. */
  readonly token: string | undefined;
  /** `join` and what follows; empty: kubeadm is not to be run. */
  readonly join: readonly string[];
} {
  const at = words.findIndex((word) => word === 'kubeadm' || word.endsWith('/kubeadm'));
  const before = at < 0 ? words : words.slice(0, at);
  const join = at < 0 ? [] : words.slice(at + 1);
  const usage = 'evio kube init TOKEN -- kubeadm join HOST:PORT --token …';
  if (before.length > 1)
    throw new EvioError(
      'EVIO_USAGE',
      `After TOKEN only kubeadm's words may stand, not "${before[1] ?? ''}".`,
      [usage],
    );
  if (at >= 0 && join[0] !== 'join')
    throw new EvioError('EVIO_USAGE', `kubeadm is run to join only, not to "${join[0] ?? ''}".`, [usage]);
  return { token: before[0], join };
}
