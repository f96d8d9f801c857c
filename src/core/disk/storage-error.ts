/** What the operator hears when the disk says no. */
import { EvioError, messageOf } from '../lib/errors.js';

const reasons: Readonly<Record<string, readonly [why: string, next: string]>> = {
  ENOSPC: ['the disk is full', 'Free some space on that disk, then try again.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, then try again.'],
  EROFS: ['the file system is read-only', 'Choose a writable folder with EVIO_HOME.'],
  EACCES: ['permission denied', 'Run it as root, or choose your own folder with EVIO_HOME.'],
  EPERM: ['permission denied', 'Run it as root, or choose your own folder with EVIO_HOME.'],
  ENOTDIR: ['a file stands where a folder is needed', 'Choose another folder with EVIO_HOME.'],
  EEXIST: ['a file stands where a folder is needed', 'Choose another folder with EVIO_HOME.'],
  EISDIR: ['a folder stands where a file is needed', 'Choose another folder with EVIO_HOME.'],
};

/** An operator error for a file or folder that could not be read or written; passes what is one already. */
export function storageError(path: string, thrown: unknown): EvioError {
  if (thrown instanceof EvioError) return thrown;
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code ?? '';
  const [why, next] = reasons[code] ?? [messageOf(thrown), 'Check the disk and the folder EVIO_HOME.'];
  return new EvioError('EVIO_STORAGE', `Cannot use ${path}: ${why}.`, [next], { cause: thrown });
}

/**
 * For a new file that the operator named, outside of the state folder: EVIO_HOME is no help there.
 *
 * @param flag by which another one can be named
 */
export function newFileError(path: string, thrown: unknown, flag: string): EvioError {
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code ?? '';
  if (code === 'EEXIST') {
    return new EvioError('EVIO_STORAGE', `${path} is there already, and is not written over.`, [
      `Name another file with ${flag}.`,
    ]);
  }
  const [why] = code === 'ENOENT' ? ['its folder is not there'] : (reasons[code] ?? [messageOf(thrown)]);
  const next = `Name a file with ${flag} that this user may write, on a disk with space.`;
  return new EvioError('EVIO_STORAGE', `Cannot write ${path}: ${why}.`, [next], { cause: thrown });
}
