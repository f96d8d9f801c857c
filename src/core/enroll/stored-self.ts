/** Who this machine is in a network, as all its files say together. */
import type { Store } from '../config/store.js';
import { selfWith, type Self } from '../membership/self.js';

/**
 * With the later credential of the state, and the facts that admins changed since the token was made.
 *
 * @throws EvioError EVIO_NO_NETWORK, EVIO_PROFILE_CORRUPT, EVIO_STORAGE
 */
export function storedSelf(store: Store, id: string): Self {
  return selfWith(store.profile(id), store.state(id), store.ledger(id).ledger.standing.facts);
}
