import { lstatSync } from 'node:fs';

/** True for a file, a folder, and a link, also one that leads nowhere. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
