/**
 * SIGQUIT to a service: its manager ends it in order to start it again (RestartKillSignal= of the units; at a stop it sends SIGTERM).
 * Without a manager the signal is what it always was.
 */
import type { DescriptorStore } from '../handover/store.js';
import type { Logger } from '../lib/env.js';
import { libc } from '../native/libc.js';
import { ExitStatus, messageOf } from '../lib/errors.js';

/**
 * Leaves everything to the next process and ends this one. Where that fails, stops in order.
 *
 * @param store undefined: no manager
 * @returns what stops listening
 */
export function restOnSignal(
  store: DescriptorStore | undefined,
  rest: (store: DescriptorStore) => Promise<void>,
  stop: () => Promise<void>,
  log: Logger,
): () => void {
  if (!store) return () => undefined;
  let asked = false;
  const onQuit = (): void => {
    if (asked) return;
    asked = true;
    log.info('rests until it is started again');
    rest(store).then(
      () => {
        // All is left as it should be. Threads and what they hold are the kernel's to take down: that is sooner, and Node, which takes
        // them down in order while they work, was seen to abort once.
        process.once('exit', () => libc()._exit(ExitStatus.rests));
        process.exit(ExitStatus.rests);
      },
      (thrown: unknown) => {
        log.warn('stops instead', { reason: messageOf(thrown) });
        void stop();
      },
    );
  };
  process.on('SIGQUIT', onQuit);
  return () => {
    process.removeListener('SIGQUIT', onQuit);
  };
}
