/** Work in another network namespace, in this thread: what is asked of the kernel, and what is read and written below /proc/sys/net. */
import { closeSync, openSync } from 'node:fs';
import { errnoName, libc } from '../../core/native/libc.js';
import { bind } from '../../core/native/symbols.js';
import { Code, CniError } from '../errors.js';

const CLONE_NEWNET = 0x4000_0000;

/** Does `work` with the descriptor of the namespace at this path. Throws CniError (100). */
export function withNamespace<T>(path: string, work: (netns: number) => T): T {
  let netns: number;
  try {
    netns = openSync(path, 'r');
  } catch (thrown) {
    throw new CniError(Code.failed, `the namespace ${path} cannot be opened`, String(thrown));
  }
  try {
    return work(netns);
  } finally {
    closeSync(netns);
  }
}

/** Does `work`, which starts no program and waits for nothing, in that namespace. Throws CniError (100). */
export function within<T>(path: string, work: () => T): T {
  const setns = bind('int setns(int fd, int type)');
  return withNamespace(path, (netns) => {
    const own = openSync('/proc/self/ns/net', 'r');
    try {
      if (setns(netns, CLONE_NEWNET) !== 0)
        throw new CniError(Code.failed, `the namespace ${path} cannot be entered`, errnoName(libc().errno()));
      try {
        return work();
      } finally {
        // What comes after is meant for the node: nothing may go on in the pod.
        if (setns(own, CLONE_NEWNET) !== 0) process.abort();
      }
    } finally {
      closeSync(own);
    }
  });
}
