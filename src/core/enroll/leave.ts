/** `evio leave`: stops a network's node and forgets the network. */
import { selectNetwork, type NamedNetwork } from '../config/select.js';
import type { Store } from '../config/store.js';
import { EvioError } from '../lib/errors.js';

/** Codes that say there was nothing to stop. */
const nothingToStop: readonly string[] = ['EVIO_NOT_RUNNING', 'EVIO_NO_NETWORK'];

/**
 * @param stop asks the running node to leave the network alone.
 * @throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_STORAGE, or what `stop` threw but for those that say
 * that nothing ran.
 */
export async function leaveNetwork(
  store: Store,
  selector: string | undefined,
  stop: (networkId: string) => Promise<unknown>,
): Promise<NamedNetwork> {
  const network = selectNetwork(store.list(), selector);
  try {
    await stop(network.id);
  } catch (thrown) {
    if (!(thrown instanceof EvioError) || !nothingToStop.includes(thrown.code)) throw thrown;
  }
  store.remove(network.id);
  return network;
}
