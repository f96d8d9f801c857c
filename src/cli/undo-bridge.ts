/** `evio bridge --undo`, whether a node runs or not. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { ask } from '../core/control/client.js';
import { EvioError } from '../core/lib/errors.js';
import { disconnectLan } from '../core/tap/lan-link.js';
import { runningNetworks } from './run-detached.js';

/**
 * Returns the interfaces that were bridged.
 *
 * @param selector one network; left out: all of the home
 * @throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_STORAGE, EVIO_DEVICE
 */
export async function undoBridge(home: Home, selector: string | undefined): Promise<string[]> {
  const store = new Store(home);
  const running = new Set(await runningNetworks(home));
  const undone: string[] = [];
  for (const id of selector === undefined ? store.ids() : [store.pick(selector)]) {
    const before = bridgedBy(store, id);
    if (before !== undefined) undone.push(before);
    if (running.has(id)) {
      await ask(home.controlSocket, 'bridgeSet', { network: id, lan: null });
      continue;
    }
    if (before !== undefined) await store.changeProfile(id, ({ bridge: _, ...profile }) => profile);
    disconnectLan(id);
  }
  return undone;
}

function bridgedBy(store: Store, id: string): string | undefined {
  try {
    return store.profile(id).bridge?.interface;
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_PROFILE_CORRUPT') return undefined;
    throw thrown;
  }
}
