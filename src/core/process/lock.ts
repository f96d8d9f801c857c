/** One writer at a time per folder: commands read, change and write again. */
import { openSync, closeSync, readFileSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isAlive } from '../lib/alive.js';
import { EvioError } from '../lib/errors.js';
import { storageError } from '../disk/storage-error.js';

const retryMs = 25;
const patienceMs = 5000;
/** A holder writes its process id at once; one that has not after so long died before it could. */
const namelessMs = 1000;

/** True for a lock whose holder died, also where its process id was given to another since. */
function isStale(path: string): boolean {
  try {
    const ageMs = Date.now() - statSync(path).mtimeMs;
    if (ageMs > 2 * patienceMs) return true;
    const text = readFileSync(path, 'utf8');
    if (text === '') return ageMs > namelessMs;
    const pid = Number(text);
    return Number.isInteger(pid) && pid > 0 && !isAlive(pid);
  } catch {
    return false;
  }
}

/** Runs `work` while this process holds the folder. A lock whose holder died is taken over. Throws EvioError EVIO_STORAGE. */
export async function withLock<T>(folder: string, work: () => T | Promise<T>): Promise<T> {
  const path = join(folder, 'lock');
  const end = performance.now() + patienceMs;
  for (;;) {
    try {
      const fd = openSync(path, 'wx', 0o600);
      writeSync(fd, String(process.pid));
      closeSync(fd);
      break;
    } catch (thrown) {
      if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw storageError(path, thrown);
    }
    if (isStale(path)) rmSync(path, { force: true });
    else if (performance.now() > end) {
      throw new EvioError('EVIO_STORAGE', `Another evio command holds ${path}.`, [
        'Wait for it to end; if none runs, remove that file.',
      ]);
    } else await sleep(retryMs);
  }
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}
