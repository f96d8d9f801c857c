/** Where a command takes a passphrase from: a file, the environment, the terminal without echo. */
import { readFileSync } from 'node:fs';
import * as Flags from '@oclif/core/flags';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { takeInherited } from './inherited-secret.js';

export const passphraseFlag = Flags.string({
  helpValue: 'FILE',
  description: 'read the passphrase from the first line of this file; else EVIO_PASSPHRASE, or the terminal',
});

/**
 * @param file of `--passphrase-file`
 * @param twice asks for it again at the terminal, where a typing error would cost the key
 * @throws EvioError EVIO_USAGE when there is none and no terminal, EVIO_BAD_VALUE, EVIO_INTERRUPTED
 */
export async function passphraseFrom(file: string | undefined, twice: boolean): Promise<string> {
  const inherited = takeInherited('EVIO_PASSPHRASE');
  if (file !== undefined) {
    try {
      return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? '';
    } catch (thrown) {
      throw new EvioError('EVIO_BAD_VALUE', `The passphrase cannot be read: ${messageOf(thrown)}.`);
    }
  }
  if (inherited !== undefined) return inherited;
  if (!process.stdin.isTTY) {
    throw new EvioError('EVIO_USAGE', 'The passphrase is missing, and there is no terminal to ask for it.', [
      'Give it by --passphrase-file FILE, or in the environment as EVIO_PASSPHRASE.',
    ]);
  }
  const typed = await askHidden('Passphrase: ');
  if (twice && (await askHidden('The same again: ')) !== typed) {
    throw new EvioError('EVIO_BAD_VALUE', 'The two passphrases are not the same.');
  }
  return typed;
}

/** One line of the terminal, which does not show it. */
async function askHidden(prompt: string): Promise<string> {
  const { stdin, stderr } = process;
  stderr.write(prompt);
  stdin.setEncoding('utf8');
  stdin.setRawMode(true);
  try {
    return await new Promise<string>((resolve, reject) => {
      const typed: string[] = [];
      const take = (text: string): void => {
        for (const char of text) {
          if (char === '\r' || char === '\n' || char === '\u0004') {
            stdin.off('data', take);
            resolve(typed.join(''));
            return;
          }
          if (char === '\u0003') {
            stdin.off('data', take);
            reject(new EvioError('EVIO_INTERRUPTED', 'Nothing was done.'));
            return;
          }
          if (char === '\u007f' || char === '\b') typed.pop();
          else if (char >= ' ') typed.push(char);
        }
      };
      stdin.on('data', take);
      // The question before paused it.
      stdin.resume();
    });
  } finally {
    stdin.setRawMode(false);
    stdin.pause();
    stderr.write('\n');
  }
}
