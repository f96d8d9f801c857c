/** The relay's keys: relay.json, mode 0600. Without it every token that names this relay is void. */
import { access, mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { replaceFile } from '../core/disk/replace-file.js';
import { storageError } from '../core/disk/storage-error.js';
import { writtenByNewer } from '../core/disk/written-by-newer.js';
import { keysFromSeed, seedLength, type Keys } from '../core/identity/keys.js';
import { fromBase64Url, toBase64Url } from '../core/lib/bytes.js';
import type { Random } from '../core/lib/env.js';
import { EvioError } from '../core/lib/errors.js';
import { parseJson } from '../core/lib/json.js';

const form = 1;
const identityFile = z.object({ version: z.literal(form), seed: z.string() });

/** Whether a relay has run with this folder. */
export function hasRelayKeys(folder: string): Promise<boolean> {
  return access(join(folder, 'relay.json')).then(
    () => true,
    () => false,
  );
}

/** What the operator hears who asks a relay that never was. */
export function neverRan(folder: string): EvioError {
  return new EvioError('EVIO_NOT_RUNNING', `No relay has run with this state folder (${folder}).`, [
    'Start it first: evio relay',
    'Run this as the user of the relay, or set EVIO_HOME as for the relay.',
  ]);
}

/** Makes the folder. @throws EvioError EVIO_STORAGE */
export async function makeRelayFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw storageError(folder, thrown);
  }
}

/**
 * The relay's keys, made at the first run.
 *
 * @throws EvioError EVIO_STORAGE when they cannot be kept, EVIO_PROFILE_CORRUPT when the file is damaged, EVIO_PROFILE_NEWER
 */
export async function loadRelayKeys(folder: string, random: Random): Promise<Keys> {
  const path = join(folder, 'relay.json');
  let text: string | undefined;
  try {
    text = await readFile(path, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') throw storageError(path, thrown);
  }
  if (text === undefined) {
    const seed = random.fill(new Uint8Array(seedLength));
    try {
      await makeRelayFolder(folder);
      await replaceFile(path, `${JSON.stringify({ version: form, seed: toBase64Url(seed) })}\n`);
    } catch (thrown) {
      throw storageError(path, thrown);
    }
    return keysFromSeed(seed);
  }
  const content = parseJson(text);
  const found = (content as { version?: unknown } | null | undefined)?.version;
  // Who took it for damaged would remove it, and all tokens with it.
  if (typeof found === 'number' && found > form) throw writtenByNewer(path, found, form);
  const parsed = identityFile.safeParse(content);
  const seed = parsed.success ? fromBase64Url(parsed.data.seed) : undefined;
  if (seed?.length !== seedLength) {
    throw new EvioError('EVIO_PROFILE_CORRUPT', `${path} is damaged, so this relay has lost its key.`, [
      'Restore it from a backup.',
      'Or remove it: the relay then gets a new key, and every network must be told the new one.',
    ]);
  }
  return keysFromSeed(seed);
}
