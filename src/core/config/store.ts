/** The networks of a home: profiles and states on disk. Knows folders and files; not what stands in them. */
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64Url } from '../lib/bytes.js';
import { isAlive } from '../lib/alive.js';
import { EvioError } from '../lib/errors.js';
import { parseInvite } from '../identity/invite.js';
import { openNetwork } from '../identity/network.js';
import { storageError } from '../disk/storage-error.js';
import { ensureFolder, type Home } from './home.js';
import { ledgerFile, LedgerFile } from './ledger-file.js';
import { readJson, writeJson } from './json-file.js';
import { networkIds } from './network-ids.js';
import { PendingJoins } from './pending.js';
import { withLock } from '../process/lock.js';
import { selectNetwork, type NamedNetwork } from './select.js';
import {
  emptyState,
  profileVersion,
  stateVersion,
  type NodeState,
  type Profile,
} from '../membership/profile.js';
import { profileSchema, stateSchema } from './schema.js';

/** Folders in the making; one that a killed command left behind is swept away by the next. */
const stagingPrefix = '.new-';

export class Store {
  readonly home: Home;
  readonly pending: PendingJoins;

  constructor(home: Home) {
    this.home = home;
    this.pending = new PendingJoins(home);
  }

  #folder(id: string): string {
    return join(this.home.networks, id);
  }

  /** Ids of the networks this machine is in, sorted. Throws EvioError EVIO_STORAGE. */
  ids(): string[] {
    return networkIds(this.home);
  }

  has(id: string): boolean {
    return existsSync(join(this.#folder(id), 'profile.json'));
  }

  /** Throws EvioError EVIO_NO_NETWORK, EVIO_PROFILE_CORRUPT, EVIO_PROFILE_NEWER, EVIO_STORAGE. */
  profile(id: string): Profile {
    const path = join(this.#folder(id), 'profile.json');
    const profile = readJson(path, profileSchema, profileVersion, [
      `Restore it from a backup, or forget the network with: evio leave --network ${id}`,
      'Then join again with a new token.',
    ]);
    if (!profile) {
      throw new EvioError('EVIO_NO_NETWORK', `The network folder ${this.#folder(id)} holds no profile.`, [
        `Forget it with: evio leave --network ${id}`,
      ]);
    }
    return profile;
  }

  /**
   * The node's memory of earlier runs. Everything in it comes back by itself, so a damaged file is not an error:
   * `onDamage` hears of it and the node begins anew. Throws EvioError EVIO_PROFILE_NEWER, EVIO_STORAGE.
   */
  state(id: string, onDamage: (error: EvioError) => void = () => undefined): NodeState {
    const path = join(this.#folder(id), 'state.json');
    try {
      return readJson(path, stateSchema, stateVersion, []) ?? emptyState;
    } catch (thrown) {
      if (!(thrown instanceof EvioError) || thrown.code !== 'EVIO_PROFILE_CORRUPT') throw thrown;
      onDamage(thrown);
      return emptyState;
    }
  }

  /**
   * Throws EvioError EVIO_STORAGE where `create` would: asked before a relay counts the use of a token.
   */
  rehearse(id: string, profile: Profile): void {
    const staging = this.#stage(id, profile, emptyState);
    rmSync(staging, { recursive: true, force: true });
  }

  /** Adds a network, whole or not at all. Throws EvioError EVIO_ALREADY_JOINED, EVIO_STORAGE. */
  create(id: string, profile: Profile, state: NodeState): void {
    const staging = this.#stage(id, profile, state);
    try {
      renameSync(staging, this.#folder(id));
    } catch (thrown) {
      rmSync(staging, { recursive: true, force: true });
      const code = (thrown as NodeJS.ErrnoException).code;
      if (code === 'ENOTEMPTY' || code === 'EEXIST') throw alreadyJoined(id);
      throw storageError(this.#folder(id), thrown);
    }
  }

  /** A folder with both files that only needs its name. */
  #stage(id: string, profile: Profile, state: NodeState): string {
    ensureFolder(this.home.path);
    ensureFolder(this.home.networks);
    for (const name of readdirSync(this.home.networks)) {
      if (name.startsWith(stagingPrefix) && !isAlive(Number(name.slice(name.lastIndexOf('-') + 1))))
        rmSync(join(this.home.networks, name), { recursive: true, force: true });
    }
    const staging = join(this.home.networks, `${stagingPrefix}${id}-${process.pid}`);
    try {
      ensureFolder(staging);
      writeJson(join(staging, 'profile.json'), profile);
      writeJson(join(staging, 'state.json'), state);
      return staging;
    } catch (thrown) {
      rmSync(staging, { recursive: true, force: true });
      throw storageError(this.#folder(id), thrown);
    }
  }

  /** Reads, changes and writes a profile while no other command does. */
  async changeProfile(id: string, change: (profile: Profile) => Profile): Promise<Profile> {
    return withLock(this.#folder(id), () => {
      const changed = change(this.profile(id));
      writeJson(join(this.#folder(id), 'profile.json'), changed);
      return changed;
    });
  }

  /**
   * The ledger of a network, and where it is kept.
   *
   * @param failed hears why statements of others could not be kept
   * @throws EvioError EVIO_NO_NETWORK, EVIO_PROFILE_CORRUPT, EVIO_STORAGE
   */
  ledger(id: string, failed?: (thrown: unknown) => void): LedgerFile {
    const { network, invite } = this.profile(id);
    const bytes = fromBase64Url(network);
    const facts = bytes && openNetwork(bytes);
    const pin = parseInvite(fromBase64Url(invite ?? '') ?? new Uint8Array(0))?.issuer;
    if (!facts) {
      throw new EvioError('EVIO_PROFILE_CORRUPT', 'The network facts of this profile are not genuine.', [
        `Forget the network with: evio leave --network ${id}`,
      ]);
    }
    return new LedgerFile(this.#folder(id), facts.rootKey, failed, pin);
  }

  /** Does nothing for a network that was left meanwhile. Throws EvioError EVIO_STORAGE. */
  saveState(id: string, state: NodeState): void {
    if (!this.has(id)) return;
    writeJson(join(this.#folder(id), 'state.json'), state);
  }

  remove(id: string): void {
    try {
      rmSync(this.#folder(id), { recursive: true, force: true });
    } catch (thrown) {
      throw storageError(this.#folder(id), thrown);
    }
  }

  /** Every network here; the name of one whose profile cannot be read is `?`. */
  list(): NamedNetwork[] {
    return this.ids().map((id) => ({ id, name: this.#nameOf(id) }));
  }

  #nameOf(id: string): string {
    try {
      const bytes = fromBase64Url(this.profile(id).network);
      const name = bytes && openNetwork(bytes)?.name;
      if (name === undefined) return '?';
      return existsSync(join(this.#folder(id), ledgerFile))
        ? (this.ledger(id).ledger.standing.facts?.name ?? name)
        : name;
    } catch {
      return '?';
    }
  }

  /** The id that a selector means. Throws EvioError EVIO_NO_NETWORK, EVIO_AMBIGUOUS_NETWORK. */
  pick(selector?: string): string {
    return selectNetwork(this.list(), selector).id;
  }
}

export function alreadyJoined(id: string): EvioError {
  return new EvioError('EVIO_ALREADY_JOINED', `This machine is in the network ${id} already.`, [
    'Run it with: sudo evio node',
    `To join anew, first: evio leave --network ${id}`,
  ]);
}
