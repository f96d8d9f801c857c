/** `evio exit use off`, whether a node runs or not. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { ask } from '../core/control/client.js';
import { EvioError } from '../core/lib/errors.js';
import { clearExit } from '../core/tap/exit-routes.js';
import { runningNetworks } from './run-detached.js';

/**
 * Returns the names of the members that were used.
 *
 * @param selector one network; left out: all of the home
 * @throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_STORAGE
 */
export async function leaveExit(home: Home, selector: string | undefined): Promise<string[]> {
  const store = new Store(home);
  const running = new Set(await runningNetworks(home));
  const left: string[] = [];
  for (const id of selector === undefined ? store.ids() : [store.pick(selector)]) {
    const before = usedBy(store, id);
    if (before !== undefined) left.push(before);
    if (running.has(id)) {
      await ask(home.controlSocket, 'exitSet', { network: id, use: null });
      continue;
    }
    if (before !== undefined) await store.changeProfile(id, ({ exit: _, ...profile }) => profile);
    clearExit(id);
  }
  return left;
}

function usedBy(store: Store, id: string): string | undefined {
  try {
    return store.profile(id).exit?.name;
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_PROFILE_CORRUPT') return undefined;
    throw thrown;
  }
}
