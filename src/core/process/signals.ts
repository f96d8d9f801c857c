/** How a long-running command ends. */
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';

/** Wrappers such as timeout, sudo and npm pass one Ctrl-C on twice: what follows so soon is its echo, ms. */
const echoMs = 400;

/**
 * The first SIGINT, SIGTERM or SIGHUP stops in order, the second ends at once. An error nobody caught stops in order
 * too, with exit status 1. Returns a function that takes the handlers away.
 */
export function stopOnSignals(stop: () => Promise<void>, log: Logger): () => void {
  let asked = false;
  let askedAt = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked) {
      if (performance.now() - askedAt > echoMs) process.exit(signal === 'SIGINT' ? 130 : 143);
      return;
    }
    asked = true;
    askedAt = performance.now();
    log.info('stopping', { signal });
    void stop();
  };
  const onError = (thrown: unknown): void => {
    log.error('stopping after an internal error', {
      error: messageOf(thrown),
      stack: thrown instanceof Error ? thrown.stack : undefined,
    });
    if (asked) process.exit(1);
    asked = true;
    setTimeout(() => process.exit(1), 5000).unref();
    void stop().finally(() => process.exit(1));
  };
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const signal of signals) process.on(signal, onSignal);
  process.on('uncaughtException', onError);
  process.on('unhandledRejection', onError);
  return () => {
    for (const signal of signals) process.removeListener(signal, onSignal);
    process.removeListener('uncaughtException', onError);
    process.removeListener('unhandledRejection', onError);
  };
}
