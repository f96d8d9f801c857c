/** One JSON file of a home: checked when read, replaced whole when written. */
import { readFileSync } from 'node:fs';
import type { z } from 'zod';
import { replaceFileSync } from '../disk/replace-file.js';
import { storageError } from '../disk/storage-error.js';
import { writtenByNewer } from '../disk/written-by-newer.js';
import { EvioError } from '../lib/errors.js';

/**
 * The content, or undefined where there is no such file.
 *
 * @param version the one this program writes; a later one is not touched.
 * @param next what the operator can do about a damaged file.
 * @throws EvioError EVIO_PROFILE_CORRUPT, EVIO_PROFILE_NEWER, EVIO_STORAGE.
 */
export function readJson<T>(
  path: string,
  schema: z.ZodType<T>,
  version: number,
  next: readonly string[],
): T | undefined {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw storageError(path, thrown);
  }
  const corrupt = (why: string): EvioError =>
    new EvioError('EVIO_PROFILE_CORRUPT', `The file ${path} is damaged: ${why}.`, next);
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw corrupt('it is not JSON');
  }
  const found = (content as { version?: unknown } | null)?.version;
  if (typeof found === 'number' && found > version) throw writtenByNewer(path, found, version);
  const result = schema.safeParse(content);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw corrupt(`${issue?.path.join('.') || 'content'}: ${issue?.message ?? 'invalid'}`);
}

/** Replaces the file, mode 0600. Either the whole new content stands afterwards or the old. Throws EvioError EVIO_STORAGE. */
export function writeJson(path: string, content: object): void {
  try {
    replaceFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`);
  } catch (thrown) {
    throw storageError(path, thrown);
  }
}
