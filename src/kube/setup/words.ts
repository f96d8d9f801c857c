/** What kubeadm is to be run with: words that follow `--`, as the control plane printed them. Pure. */
import { EvioError } from '../../core/lib/errors.js';

/** `join` and what follows; nothing where no word was given. Throws EvioError EVIO_USAGE for what is no joining. */
export function joinWords(words: readonly string[]): readonly string[] {
  const [first = ''] = words;
  const rest = /(^|\/)kubeadm$/.test(first) ? words.slice(1) : words;
  if (words.length > 0 && rest[0] !== 'join')
    throw new EvioError(
      'EVIO_USAGE',
      `After -- stands "kubeadm join ...", not "${words.slice(0, 2).join(' ')}".`,
      ['The control plane prints it: kubeadm token create --print-join-command'],
    );
  return rest;
}
