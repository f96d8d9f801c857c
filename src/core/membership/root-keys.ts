/** The root keys on this machine. While one replaces another there are two, and the ledger says which of them counts. */
import { keysFromSeed, type Keys } from '../identity/keys.js';
import { equalBytes } from '../lib/bytes.js';
import type { Profile } from './profile.js';
import { secretBytes } from './self.js';

/** The secret of this root key, if it is here. Throws EvioError EVIO_PROFILE_CORRUPT. */
export function rootKeysOf(
  { rootSeed, nextRootSeed }: Pick<Profile, 'rootSeed' | 'nextRootSeed'>,
  rootKey: Uint8Array,
): Keys | undefined {
  for (const seed of [rootSeed, nextRootSeed]) {
    const keys = seed === undefined ? undefined : keysFromSeed(secretBytes(seed));
    if (keys && equalBytes(keys.publicKey, rootKey)) return keys;
  }
  return undefined;
}
