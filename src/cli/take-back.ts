/** Takes back what the operator had this machine do for its networks, whether a node runs or not. */
import type { Home } from '../core/config/home.js';
import { Store } from '../core/config/store.js';
import { EvioError } from '../core/lib/errors.js';
import type { Profile } from '../core/membership/profile.js';
import { runningNetworks } from './run-detached.js';

export interface TakenBack {
  /** Name of what the profile has; undefined: it has none. */
  readonly named: (profile: Profile) => string | undefined;
  /** Has the node that runs do it. */
  readonly ask: (networkId: string) => Promise<unknown>;
  /** The profile without it. */
  readonly without: (profile: Profile) => Profile;
  /** Takes it off the machine, also what a killed node left. */
  readonly clear: (networkId: string) => unknown;
}

/**
 * Returns the names of what there was.
 *
 * @param selector one network; left out: all of the home
 * @throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK, EVIO_STORAGE, and what the deeds throw
 */
export async function takeBack(
  home: Home,
  selector: string | undefined,
  { named, ask, without, clear }: TakenBack,
): Promise<string[]> {
  const store = new Store(home);
  const running = new Set(await runningNetworks(home));
  const names: string[] = [];
  for (const id of selector === undefined ? store.ids() : [store.pick(selector)]) {
    const before = unlessCorrupt(() => named(store.profile(id)));
    if (before !== undefined) names.push(before);
    if (running.has(id)) {
      await ask(id);
      continue;
    }
    if (before !== undefined) await store.changeProfile(id, without);
    clear(id);
  }
  return names;
}

function unlessCorrupt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_PROFILE_CORRUPT') return undefined;
    throw thrown;
  }
}
