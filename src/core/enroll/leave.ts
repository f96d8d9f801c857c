/** `evio leave`: tells relays and members, stops a network's node and forgets the network. */
import { selectNetwork, type NamedNetwork } from '../config/select.js';
import type { Store } from '../config/store.js';
import { fromBase64Url } from '../lib/bytes.js';
import { EvioError } from '../lib/errors.js';
import { selfOf } from '../membership/self.js';
import type { RelayErrands } from './errands.js';

/** Codes that say there was nothing to stop. */
const nothingToStop: readonly string[] = ['EVIO_NOT_RUNNING', 'EVIO_NO_NETWORK'];

/** What came of it. */
export interface Left extends NamedNetwork {
  /** False when no relay of the network could be told: then the others remember this machine for a while. */
  readonly told: boolean;
}

/**
 * @param stop has the running node say farewell, and stop.
 * @throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_STORAGE, or what `stop` threw but for those that say
 * that nothing ran.
 */
export async function leaveNetwork(
  store: Store,
  selector: string | undefined,
  stop: (networkId: string) => Promise<unknown>,
  errands: Pick<RelayErrands, 'leave'>,
): Promise<Left> {
  const network = selectNetwork(store.list(), selector);
  let told = true;
  try {
    await stop(network.id);
  } catch (thrown) {
    if (!(thrown instanceof EvioError) || !nothingToStop.includes(thrown.code)) throw thrown;
    told = await tellRelays(store, network.id, errands);
  }
  store.remove(network.id);
  return { ...network, told };
}

/** No node runs that could tell: the command does it. What cannot be read is left as it is. */
async function tellRelays(store: Store, id: string, errands: Pick<RelayErrands, 'leave'>): Promise<boolean> {
  try {
    const held = store.state(id).credential;
    const self = selfOf(store.profile(id), held === undefined ? undefined : fromBase64Url(held));
    const { relays } = self.network;
    return relays.length === 0 || (await errands.leave(relays, self)) > 0;
  } catch {
    return false;
  }
}
