/** Takes the names out of the hosts file that a node of this home left there when it was killed. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { selfOf } from '../core/membership/self.js';
import { forgetStaleNames } from '../core/names/names.js';

/** No node of the home runs. What cannot be done is left: the next node that starts does it. */
export async function forgetNames(home: Home): Promise<void> {
  try {
    const store = new Store(home);
    await forgetStaleNames(store.ids().map((id) => selfOf(store.profile(id)).idText));
  } catch {
    // Not root, a damaged profile, or no such file.
  }
}
