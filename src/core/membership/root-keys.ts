/** The root keys on this machine. While one replaces another there are two, and the ledger says which of them counts. */
import { keysFromSeed, type Keys } from '../identity/keys.js';
import { equalBytes } from '../lib/bytes.js';
import type { Profile } from './profile.js';
import { secretBytes } from './self.js';

type RootSeeds = Pick<Profile, 'rootSeed' | 'nextRootSeed'>;

/**
 * Derived once a profile, not at every handshake that is judged. They go with the profile, which holds the seeds
 * themselves, so no key stays in memory longer than its seed.
 */
const derived = new WeakMap<RootSeeds, readonly Keys[]>();

/** The secret of this root key, if it is here. Throws EvioError EVIO_PROFILE_CORRUPT. */
export function rootKeysOf(profile: RootSeeds, rootKey: Uint8Array): Keys | undefined {
  let all = derived.get(profile);
  if (!all) {
    const seeds = [profile.rootSeed, profile.nextRootSeed].filter((seed) => seed !== undefined);
    derived.set(profile, (all = seeds.map((seed) => keysFromSeed(secretBytes(seed)))));
  }
  return all.find(({ publicKey }) => equalBytes(publicKey, rootKey));
}
