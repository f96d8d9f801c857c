/** `evio leave`: stops a network's node and forgets the network. */
import { selectNetwork, type NamedNetwork } from '../config/select.js';
import type { Store } from '../config/store.js';
import { ask } from '../control/client.js';
import { EvioError } from '../lib/errors.js';

/** Codes that say there was nothing to stop. */
const nothingToStop: readonly string[] = ['EVIO_NOT_RUNNING', 'EVIO_NO_NETWORK'];
const stopTimeoutMs = 15_000;

/** Throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_STORAGE, EVIO_NO_PRIVILEGE. */
export async function leaveNetwork(store: Store, selector: string | undefined): Promise<NamedNetwork> {
  const network = selectNetwork(store.list(), selector);
  try {
    await ask(store.home.controlSocket, 'down', { network: network.id }, stopTimeoutMs);
  } catch (thrown) {
    if (!(thrown instanceof EvioError) || !nothingToStop.includes(thrown.code)) throw thrown;
  }
  store.remove(network.id);
  return network;
}
