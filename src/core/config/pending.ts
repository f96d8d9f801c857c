/**
 * Joins that were begun and not ended: `networks/.join-<network id>`, a profile, mode 0600. Who this machine is about to be is on
 * disk before a relay hears of it, so that a kill after the relay counted the use costs no other use: the next join by the
 * same invite goes on as the same node. No network is listed for it.
 */
import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { storageError } from '../disk/storage-error.js';
import { EvioError } from '../lib/errors.js';
import { profileVersion, type Profile } from '../membership/profile.js';
import { withLock } from '../process/lock.js';
import { ensureFolder, type Home } from './home.js';
import { readJson, writeJson } from './json-file.js';
import { profileSchema } from './schema.js';

const prefix = '.join-';

export class PendingJoins {
  readonly #home: Home;

  constructor(home: Home) {
    this.#home = home;
  }

  /**
   * Keeps what `make` makes of what was kept before; of two commands at a time the second finds what the first kept.
   *
   * @param isOver true for what is of no use any more: it is swept, of whatever network it is
   * @throws EvioError EVIO_STORAGE, EVIO_PROFILE_NEWER, and what `make` throws
   */
  async keep(
    id: string,
    make: (before: Profile | undefined) => Profile,
    isOver: (profile: Profile) => boolean,
  ): Promise<Profile> {
    ensureFolder(this.#home.path);
    ensureFolder(this.#home.networks);
    return withLock(this.#home.networks, () => {
      for (const other of this.ids()) {
        const profile = this.#read(other);
        if (!profile || isOver(profile)) this.drop(other);
      }
      const profile = make(this.#read(id));
      writeJson(this.#path(id), profile);
      return profile;
    });
  }

  /** Networks to which a join was begun. Throws EvioError EVIO_STORAGE. */
  ids(): string[] {
    try {
      return readdirSync(this.#home.networks)
        .filter((name) => name.startsWith(prefix) && !name.endsWith('.tmp'))
        .map((name) => name.slice(prefix.length));
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw storageError(this.#home.networks, thrown);
    }
  }

  /** Forgets the join, if there is one. Throws EvioError EVIO_STORAGE. */
  drop(id: string): void {
    try {
      rmSync(this.#path(id), { force: true });
    } catch (thrown) {
      throw storageError(this.#path(id), thrown);
    }
  }

  /** What cannot be read is of no use: it is as if there was none. */
  #read(id: string): Profile | undefined {
    try {
      return readJson(this.#path(id), profileSchema, profileVersion, []);
    } catch (thrown) {
      if (thrown instanceof EvioError && thrown.code === 'EVIO_PROFILE_CORRUPT') return undefined;
      throw thrown;
    }
  }

  #path(id: string): string {
    return join(this.#home.networks, `${prefix}${id}`);
  }
}
