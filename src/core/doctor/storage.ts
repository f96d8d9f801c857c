/** Can the state folder be written to, and is there room? */
import { accessSync, constants, existsSync, statSync, statfsSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { dirname, join } from 'node:path';
import { storageError } from '../disk/storage-error.js';
import { writeTrial } from '../disk/trial.js';
import { fail, pass, warn, type Check } from './check.js';

/** Identities, profiles and ledgers of some networks, and the log of a day, bytes. */
const roomy = 16 * 1024 * 1024;

/** Leaves nothing behind: a folder that is not there yet is not made. */
export function checkStorage(path: string): Check {
  let folder = path;
  while (!existsSync(folder)) folder = dirname(folder);
  try {
    if (!statSync(folder).isDirectory()) throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' });
    if (folder === path) writeTrial(join(path, `.doctor-${randomUUID()}`));
    else accessSync(folder, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = statfsSync(folder);
    const free = bavail * bsize;
    if (free < roomy)
      return warn(
        'storage',
        `${path} has ${Math.floor(free / 1024)} kB left.`,
        'Free some space on that disk.',
      );
    return pass('storage', `${path} can be written to`);
  } catch (thrown) {
    const { message, suggestions } = storageError(path, thrown);
    return fail('storage', message, suggestions[0] ?? '');
  }
}
