/** Takes the names out of the hosts file that nodes left there when they were killed. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { selfOf } from '../core/membership/self.js';
import { forgetStaleNames } from '../core/names/names.js';
import { runningNetworks } from './run-detached.js';

/**
 * Those of processes that are gone, and, where no node of this home runs, all that are this home's: another process may have the
 * number of one that is gone. What cannot be done is left: the next node that starts does it.
 */
export async function forgetNames(home: Home): Promise<void> {
  try {
    const rests = (await runningNetworks(home)).length === 0;
    const store = new Store(home);
    await forgetStaleNames(rests ? store.ids().map((id) => selfOf(store.profile(id)).idText) : []);
  } catch {
    // Not root, a damaged profile, no such file, or a node that is just starting.
  }
}
