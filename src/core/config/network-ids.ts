/** Which networks a home holds, by the names of its folders alone: asked by commands that load nothing else (cli/service-hint.ts). */
import { readdirSync } from 'node:fs';
import { storageError } from '../disk/storage-error.js';
import type { Home } from './home.js';

const idPattern = /^[0-9a-f]{16}$/;

/** Ids of the networks this machine is in, sorted; folders in the making are none. Throws EvioError EVIO_STORAGE. */
export function networkIds({ networks }: Home): string[] {
  try {
    return readdirSync(networks)
      .filter((name) => idPattern.test(name))
      .sort();
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw storageError(networks, thrown);
  }
}
