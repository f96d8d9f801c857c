/**
 * The end of a process whose successor goes on. In the background nobody waits for us. Who started us at a terminal, or as the first process of a container, waits for this process: it stays,
 * passes signals on, and ends as its successor does.
 */
import type { Gave } from '../handover/give.js';
import { backgroundVariable } from '../handover/variable.js';
import type { ServiceNotice } from './service-notice.js';

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const;

/**
 * Does not return.
 *
 * @param leave closes what a process that stays would keep from its successor: a network that is put down there has its interface gone.
 */
export async function afterwards(
  { signal, ended }: Gave,
  notice: ServiceNotice,
  leave: () => Promise<void> = () => Promise.resolve(),
): Promise<never> {
  const waitsNobody = notice.asked || process.env[backgroundVariable] === '1';
  if (waitsNobody) return process.exit(0);
  for (const name of passedOn) {
    process.removeAllListeners(name);
    process.on(name, () => {
      signal(name);
    });
  }
  await leave();
  return process.exit((await ended) ?? 1);
}
