/**
 * The one way in which evio replaces a file: it writes beside it, syncs, renames over it, and syncs the folder. Whoever
 * reads sees the old or the new text, whole, also after a kill or a power cut at any moment. The mode is 0600.
 *
 * In two forms, since a node writes a few kilobytes and wants them on disk when the call returns, and a relay writes
 * megabytes and must serve meanwhile. The first is `conf`'s, which does not look whether the disk took every byte: what
 * it wrote is read again before it takes the file's place. What a killed process left beside the file is swept away by the
 * next that replaces it.
 */
import {
  accessSync,
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Conf } from './conf.js';
import { isAlive } from '../lib/alive.js';

const mode = 0o600;
/** Conf puts it behind a dot. */
const besideExtension = 'tmp';

/** Throws the system's error, ENOSPC for a short write; then the old file stands, and nothing is left beside it. */
export function replaceFileSync(path: string, text: string): void {
  const beside = besideOf(path);
  try {
    // Conf would make a folder that is missing.
    accessSync(dirname(path));
    sweep(path);
    const conf = new Conf<Record<string, unknown>>({
      cwd: dirname(path),
      configName: basename(beside, `.${besideExtension}`),
      fileExtension: besideExtension,
      configFileMode: mode,
      accessPropertiesByDotNotation: false,
      serialize: () => text,
    });
    conf.store = {};
    if (readFileSync(beside, 'utf8') !== text)
      throw Object.assign(new Error('short write'), { code: 'ENOSPC' });
    renameSync(beside, path);
  } catch (thrown) {
    rmSync(beside, { force: true });
    throw thrown;
  }
  syncFolder(dirname(path));
}

/** Rejects with the system's error; then the old file stands, and nothing is left beside it. */
export async function replaceFile(path: string, text: string | Uint8Array): Promise<void> {
  const beside = besideOf(path);
  let file: FileHandle | undefined;
  try {
    sweep(path);
    file = await open(beside, 'wx', mode);
    await file.writeFile(text);
    await file.sync();
    await file.close();
    file = undefined;
    await rename(beside, path);
  } catch (thrown) {
    await file?.close().catch(() => undefined);
    await rm(beside, { force: true }).catch(() => undefined);
    throw thrown;
  }
  await syncFolderAsync(dirname(path));
}

/** Two processes that write the same file do not write into each other's. */
function besideOf(path: string): string {
  return `${path}.${process.pid}.${besideExtension}`;
}

/** Removes what processes that died, and this one, left beside the file. */
function sweep(path: string): void {
  const start = `${basename(path)}.`;
  for (const name of readdirSync(dirname(path))) {
    // Conf adds an extension of its own while it writes.
    const [, pid] =
      (name.startsWith(start) && /^(\d+)\.tmp(\.tmp-\w+)?$/.exec(name.slice(start.length))) || [];
    if (pid === undefined || (Number(pid) !== process.pid && isAlive(Number(pid)))) continue;
    rmSync(join(dirname(path), name), { force: true });
  }
}

/** Makes a rename or a new file last through a power cut. Not every file system lets a folder be synced. */
export async function syncFolderAsync(path: string): Promise<void> {
  let folder: FileHandle | undefined;
  try {
    folder = await open(path, 'r');
    await folder.sync();
  } catch {
    // As durable as this file system allows.
  } finally {
    await folder?.close().catch(() => undefined);
  }
}

/** The same, done when it returns. */
export function syncFolder(path: string): void {
  try {
    const folder = openSync(path, 'r');
    try {
      fsyncSync(folder);
    } finally {
      closeSync(folder);
    }
  } catch {
    // As durable as this file system allows.
  }
}
