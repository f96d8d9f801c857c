/** `evio down`: asks the node to stop and waits until it has gone, so that the next one can start at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Home } from '../core/config/home.js';
import { ask } from '../core/control/client.js';
import type { Result } from '../core/control/methods.js';
import { EvioError } from '../core/lib/errors.js';

const stopTimeoutMs = 15_000;
const goneTimeoutMs = 5000;

/**
 * @param how `leave` has it tell relays and members first that this machine leaves the network for good
 * @throws EvioError EVIO_NOT_RUNNING, EVIO_NO_NETWORK, EVIO_TIMEOUT.
 */
export async function stopNode(
  home: Home,
  network: string | undefined,
  how: 'down' | 'leave' = 'down',
): Promise<Result<'down'>> {
  const result = await ask(home.controlSocket, how, { network }, stopTimeoutMs);
  const end = performance.now() + goneTimeoutMs;
  while (performance.now() < end) {
    try {
      if ((await ask(home.controlSocket, 'networks', {})).networks.length > 0) break;
    } catch (thrown) {
      if (thrown instanceof EvioError && thrown.code === 'EVIO_NOT_RUNNING') break;
      throw thrown;
    }
    await sleep(20);
  }
  return result;
}
