/** Which forwarder this machine gets: a thread over system calls where koffi and Linux are there, dgram elsewhere. */
import type { Env } from '../../core/lib/env.js';
import { messageOf } from '../../core/lib/errors.js';
import { DgramForwarder } from './dgram-forwarder.js';
import type { Forwarder, ForwarderListener } from './forwarder.js';
import type { RelayLimits } from '../limits.js';

export interface ForwarderChoice {
  readonly limits: RelayLimits;
  readonly env: Env;
  /** Throws when `worker` is asked for and cannot be had. */
  readonly kind: 'dgram' | 'worker' | undefined;
}

export async function chooseForwarder(
  { limits, env, kind }: ForwarderChoice,
  listener: ForwarderListener,
): Promise<Forwarder> {
  const seed = Math.floor(env.random.unit() * 0x1_0000_0000);
  if (kind !== 'dgram') {
    try {
      // Loaded late: without koffi even the import fails.
      const { WorkerForwarder } = await import('./worker-forwarder.js');
      return new WorkerForwarder({ limits, env, seed }, listener);
    } catch (thrown) {
      if (kind === 'worker') throw thrown;
      env.log.info('relay forwards on its main thread, which is slower', { reason: messageOf(thrown) });
    }
  }
  return new DgramForwarder({ limits, now: () => performance.now(), seed }, listener);
}
