/**
 * What the agent announced and accepted, on disk: it takes back what it did itself and nothing else, also after it was
 * killed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Home } from '../core/config/home.js';
import { replaceFileSync } from '../core/disk/replace-file.js';
import { storageError } from '../core/disk/storage-error.js';

const schema = z.object({
  /** Of which network and member: another's are no holdings. */
  network: z.string(),
  member: z.string(),
  announced: z.array(z.string()),
  accepted: z.array(z.string()),
});
export type Holdings = z.infer<typeof schema>;

export class HoldingsFile {
  readonly #path: string;

  constructor(home: Home) {
    this.#path = join(home.path, 'kube.json');
  }

  /** Nothing where the file is missing, damaged or of another member: what it named stays until somebody withdraws it. */
  read(network: string, member: string): Holdings {
    try {
      const kept = schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
      if (kept.network === network && kept.member === member) return kept;
    } catch {
      // As if there were none.
    }
    return { network, member, announced: [], accepted: [] };
  }

  /** Throws EvioError EVIO_STORAGE. */
  write(holdings: Holdings): void {
    try {
      replaceFileSync(this.#path, JSON.stringify(holdings));
    } catch (thrown) {
      throw storageError(this.#path, thrown);
    }
  }
}
