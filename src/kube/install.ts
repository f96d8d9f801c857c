/** Puts the plugin where container runtimes look for it. */
import { copyFileSync, chmodSync, mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as sea from 'node:sea';
import { storageError } from '../core/disk/storage-error.js';

/**
 * The program itself where evio is one file, which is the plugin under that name; else a link to this installation. A pod that
 * is being connected meanwhile has the old one, whole.
 *
 * @returns the path of the plugin
 * @throws EvioError EVIO_STORAGE
 */
export function installPlugin(folder: string): string {
  const path = join(folder, 'evio-cni');
  const beside = join(folder, `.evio-cni.${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    if (sea.isSea()) {
      copyFileSync(process.execPath, beside);
      chmodSync(beside, 0o755);
    } else symlinkSync(fileURLToPath(new URL('../../bin/evio-cni.cjs', import.meta.url)), beside);
    renameSync(beside, path);
    return path;
  } catch (thrown) {
    rmSync(beside, { force: true });
    throw storageError(path, thrown);
  }
}
