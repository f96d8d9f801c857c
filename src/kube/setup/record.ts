/** What `evio kube init` has changed on this machine, so that `evio kube reset` takes back that and nothing else. */
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import type { Home } from '../../core/config/home.js';
import { replaceFileSync } from '../../core/disk/replace-file.js';
import { storageError } from '../../core/disk/storage-error.js';

const schema = z.object({
  /** Files and links that were made. */
  made: z.array(z.string()),
  /** The kubelet's file of words, and the address that stood in it before. */
  kubelet: z.object({ path: z.string(), before: z.string().nullable() }).nullable(),
  cniConf: z.string(),
  cniBin: z.string(),
  /** kubeadm joined the cluster. */
  joined: z.boolean(),
});
export type SetupRecord = z.infer<typeof schema>;

export class RecordFile {
  readonly #path: string;

  constructor(home: Home) {
    this.#path = join(home.path, 'kube-init.json');
  }

  /** Undefined where there is none, or one that cannot be read. */
  read(): SetupRecord | undefined {
    try {
      return schema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch {
      return undefined;
    }
  }

  /** Throws EvioError EVIO_STORAGE. */
  write(record: SetupRecord): void {
    try {
      replaceFileSync(this.#path, JSON.stringify(record));
    } catch (thrown) {
      throw storageError(this.#path, thrown);
    }
  }

  remove(): void {
    rmSync(this.#path, { force: true });
  }
}
