/** The file of a policy as commands take it. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { EvioError, messageOf } from '../core/lib/errors.js';

/** Its text; `-` is standard input. Throws EvioError EVIO_STORAGE. */
export async function readPolicyFile(path: string): Promise<string> {
  if (path === '-') return text(process.stdin);
  try {
    return await readFile(path, 'utf8');
  } catch (thrown) {
    throw new EvioError('EVIO_STORAGE', `The policy ${path} cannot be read: ${messageOf(thrown)}.`, [
      'Check the name of the file, and that you may read it.',
    ]);
  }
}
