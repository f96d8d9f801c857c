/** `evio leave`: tells relays and members, stops a network's node and forgets the network. */
import { selectNetwork, shortOf, type NamedNetwork } from '../config/select.js';
import type { Store } from '../config/store.js';
import { EvioError } from '../lib/errors.js';
import type { RelayErrands } from './errands.js';
import { storedSelf } from './stored-self.js';

/** Codes that say there was nothing to stop. */
const nothingToStop: readonly string[] = ['EVIO_NOT_RUNNING', 'EVIO_NO_NETWORK'];

/** What came of it. */
export interface Left extends NamedNetwork {
  /** False when no relay of the network could be told: then the others remember this machine for a while. */
  readonly told: boolean;
}

/**
 * @param stop has the running node say farewell, and stop.
 * @param force also where the network's root key is lost by it
 * @throws EvioError EVIO_ROOT_KEY, EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_STORAGE, or what `stop` threw but for those that say
 * that nothing ran.
 */
export async function leaveNetwork(
  store: Store,
  selector: string | undefined,
  stop: (networkId: string) => Promise<unknown>,
  errands: Pick<RelayErrands, 'leave'>,
  force = false,
): Promise<Left> {
  const network = selectNetwork(store.list(), selector);
  if (!force) keepRootKey(store, network);
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

/** Throws EvioError EVIO_ROOT_KEY where the network's root key would go with the folder. */
function keepRootKey(store: Store, network: NamedNetwork): void {
  const { id, name } = network;
  let holds: boolean;
  try {
    holds = store.profile(id).rootSeed !== undefined;
  } catch {
    // What cannot be read cannot be kept either.
    return;
  }
  if (!holds) return;
  const all = store.list();
  const which = all.length > 1 ? ` --network ${shortOf(network, all)}` : '';
  const leave = `evio leave --force${which}`;
  throw new EvioError(
    'EVIO_ROOT_KEY',
    `The root key of ${name} is on this machine: without it nobody can ever name the network's first admins or replace its key.`,
    [
      `Keep it in a file, and leave: evio root export --out ${name}.root${which} && ${leave}`,
      `Name other machines admins before: evio admin add NAME${which}`,
      `To lose it: ${leave}`,
    ],
  );
}

/** No node runs that could tell: the command does it. What cannot be read is left as it is. */
async function tellRelays(store: Store, id: string, errands: Pick<RelayErrands, 'leave'>): Promise<boolean> {
  try {
    const self = storedSelf(store, id);
    const { relays } = self.network;
    return relays.length === 0 || (await errands.leave(relays, self)) > 0;
  } catch {
    return false;
  }
}
