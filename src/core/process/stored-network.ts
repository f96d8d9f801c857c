/** A network of a home as the runner takes it: read from the store, and kept there. */
import type { Store } from '../config/store.js';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import type { RunnerNetwork } from './runner.js';

/** Throws as `Store.profile`; a state or a ledger that is damaged is told of, and begins anew. */
export function storedNetwork(store: Store, id: string, log: Logger): RunnerNetwork {
  return {
    profile: store.profile(id),
    state: store.state(id, (error) => {
      log.warn('state is damaged, beginning anew', { error: error.message });
    }),
    ledger: store.ledger(id, (thrown) => {
      log.warn('statements not kept', { reason: messageOf(thrown) });
    }),
    saveState: (state) => {
      store.saveState(id, state);
    },
    changeProfile: (change) => store.changeProfile(id, change),
  };
}
