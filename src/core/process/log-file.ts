/** The log of a detached process on disk. */
import { renameSync, statSync } from 'node:fs';

/** Longer than this it is put aside, bytes. */
export const maxLogLength = 5 * 1024 * 1024;

/** Puts a log that is too long aside as FILE.1, in the place of the one that was there. Throws the system's error. */
export function putAside(path: string, maxLength = maxLogLength): boolean {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) <= maxLength) return false;
  renameSync(path, `${path}.1`);
  return true;
}
