/** `evio root`: a network's root key leaves this machine, encrypted, comes back, and is replaced. */
import type { Store } from '../config/store.js';
import { newFileSync } from '../disk/new-file.js';
import { newFileError } from '../disk/storage-error.js';
import { generateKeys, keysFromSeed } from '../identity/keys.js';
import { badValue } from '../identity/names.js';
import { signNetwork } from '../identity/network.js';
import { decodeToken } from '../identity/token.js';
import { idOfKey } from '../ledger/statement.js';
import { openRootFile, parseRootFile, sealRootFile } from '../identity/root-file.js';
import { equalBytes, toBase64Url, toHex } from '../lib/bytes.js';
import type { Env } from '../lib/env.js';
import { EvioError } from '../lib/errors.js';
import { nameFirstAdmin } from '../membership/speaker.js';
import type { WrittenOrder } from '../membership/orders.js';
import { rootKeysOf } from '../membership/root-keys.js';
import { secretBytes } from '../membership/self.js';
import { storedNetwork } from './amend.js';

/** Characters of a passphrase under which a root key leaves this machine. */
export const shortestPassphrase = 12;

/**
 * Writes the root key to a file that is not there yet, mode 0600.
 *
 * @throws EvioError EVIO_ROOT_KEY when it is not on this machine, EVIO_BAD_VALUE, EVIO_STORAGE.
 */
export function exportRootKey(
  store: Store,
  networkId: string,
  file: string,
  passphrase: string,
  env: Pick<Env, 'clock' | 'random'>,
): void {
  const { self } = storedNetwork(store, networkId, env.clock.date());
  const seed = requireRootSeed(store, networkId);
  if ([...passphrase].length < shortestPassphrase) {
    throw badValue(`The passphrase needs at least ${shortestPassphrase} characters.`);
  }
  const text = sealRootFile(keysFromSeed(secretBytes(seed)), self.network.rootKey, passphrase, env.random);
  try {
    newFileSync(file, text);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw newFileError(file, thrown, '--out');
    throw badValue(`${file} is there already, and is not overwritten.`, 'Name another file with --out.');
  }
}

/**
 * Forgets the root key on this machine, which stays an admin. No node of the network may run: it would keep it in memory.
 *
 * @throws EvioError EVIO_ROOT_KEY when it is not on this machine, EVIO_STORAGE.
 */
export async function removeRootKey(store: Store, networkId: string, env: Pick<Env, 'clock'>): Promise<void> {
  requireRootSeed(store, networkId);
  const profile = store.profile(networkId);
  const dateMs = env.clock.date();
  const { self } = storedNetwork(store, networkId, dateMs);
  // What makes this machine an admin without it has to be said by it.
  await store.ledger(networkId).say((ledger) => nameFirstAdmin({ profile, self, ledger, dateMs }));
  await store.changeProfile(networkId, ({ rootSeed: _, nextRootSeed: __, ...rest }) => rest);
}

/**
 * Puts the root key back. Does nothing where it is here already.
 *
 * @param text what stands in the file
 * @throws EvioError EVIO_BAD_VALUE when it is no whole file, not this network's, or the passphrase is another, EVIO_STORAGE.
 */
export async function importRootKey(
  store: Store,
  networkId: string,
  text: string,
  passphrase: () => Promise<string>,
  env: Pick<Env, 'clock'>,
): Promise<void> {
  const file = parseRootFile(text);
  if (!file) throw badValue('This is no whole file of a root key.', 'Make one with: evio root export');
  const { self, ledger } = storedNetwork(store, networkId, env.clock.date());
  if (!equalBytes(file.networkKey, self.network.rootKey)) {
    throw badValue(`This is the root key of another network than ${self.network.name}.`);
  }
  if (!equalBytes(file.rootKey, ledger.standing.rootKey)) {
    throw badValue(`The root key of ${self.network.name} was replaced: this one counts no more.`);
  }
  const keys = openRootFile(file, await passphrase());
  if (!keys) throw badValue('The passphrase is not that of the file, or the file was changed.');
  await store.changeProfile(networkId, (profile) => ({ ...profile, rootSeed: toBase64Url(keys.seed) }));
}

/**
 * Ends a replacement that was interrupted after the ledger said it: the new key stands in the place of the old one. True when
 * there was one.
 *
 * @throws EvioError EVIO_STORAGE, EVIO_PROFILE_CORRUPT
 */
export async function settleRootKey(
  store: Store,
  networkId: string,
  env: Pick<Env, 'clock'>,
): Promise<boolean> {
  const { nextRootSeed } = store.profile(networkId);
  if (nextRootSeed === undefined) return false;
  const { ledger } = storedNetwork(store, networkId, env.clock.date());
  if (!rootKeysOf({ nextRootSeed }, ledger.standing.rootKey)) return false;
  await store.changeProfile(networkId, ({ nextRootSeed: seed, ...rest }) => ({ ...rest, rootSeed: seed }));
  return true;
}

export interface Replacement {
  /** The new root's public key, hexadecimal. */
  readonly key: string;
  /** Statements in the ledger now. */
  readonly serial: number;
  /** What the person should know about it, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Makes another root key, which the old one signs in the ledger. The new secret is on disk before the ledger speaks of it, and
 * takes the old one's place after: whenever this ends in between, the key that counts is here, and calling it again goes on.
 *
 * @param revokeTokens tokens of the old key admit nobody any more; else those made here do as before
 * @param amend has the ledger say the order: by the running node, or on disk
 * @throws EvioError EVIO_ROOT_KEY when the key that counts is not on this machine, EVIO_STORAGE, or what `amend` threw
 */
export async function replaceRootKey(
  store: Store,
  networkId: string,
  revokeTokens: boolean,
  amend: (order: WrittenOrder) => Promise<Pick<Replacement, 'serial' | 'notes'>>,
  env: Pick<Env, 'clock' | 'random'>,
): Promise<Replacement> {
  const dateMs = env.clock.date();
  const { ledger, self } = storedNetwork(store, networkId, dateMs);
  if (await settleRootKey(store, networkId, env)) {
    return { key: toHex(ledger.standing.rootKey), serial: ledger.serial, notes: [] };
  }
  requireRootSeed(store, networkId);
  const { invites, nextRootSeed } = await store.changeProfile(networkId, (profile) => {
    const first = rootKeysOf(profile, self.network.rootKey);
    return {
      ...profile,
      // The last that the first root signs outside the ledger: tokens made later tell today's relays by it.
      ...(first && { network: toBase64Url(signNetwork(self.network, first)) }),
      nextRootSeed: profile.nextRootSeed ?? toBase64Url(generateKeys(env.random).seed),
    };
  });
  const key = toHex(keysFromSeed(secretBytes(nextRootSeed ?? '')).publicKey);
  const live = invites.filter(({ expires, revoked }) => !revoked && expires > dateMs);
  const keptInvites = revokeTokens ? [] : live.map(({ token }) => idOfKey(decodeToken(token).invite.key));
  const { serial, notes } = await amend({ do: 'root-replace', key, keptInvites });
  await settleRootKey(store, networkId, env);
  return { key, serial, notes };
}

/** Throws EvioError EVIO_ROOT_KEY. */
function requireRootSeed(store: Store, networkId: string): string {
  const { rootSeed } = store.profile(networkId);
  if (rootSeed !== undefined) return rootSeed;
  throw new EvioError('EVIO_ROOT_KEY', "The network's root key is not on this machine.", [
    'It is on the machine that made the network, or in a file: evio root import FILE',
  ]);
}
