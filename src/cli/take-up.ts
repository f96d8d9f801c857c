/** Has the node that runs take up networks of its home. */
import type { Home } from '../core/config/home.js';
import { ask } from '../core/control/client.js';
import type { Result } from '../core/control/methods.js';

/** An interface is made, and a port bound, for each. */
const startTimeoutMs = 30_000;

/**
 * @param network name or id; undefined: all that do not run
 * @throws EvioError EVIO_NOT_RUNNING, EVIO_NO_NETWORK, or why a network did not start
 */
export function takeUp(home: Home, network: string | undefined): Promise<Result<'up'>> {
  return ask(home.controlSocket, 'up', { network }, startTimeoutMs);
}
