/** Where a command takes a token from: its argument, a file, standard input, the environment. */
import { readFileSync } from 'node:fs';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { takeInherited } from './inherited-secret.js';

export interface TokenSource {
  /** `-` reads standard input. */
  readonly argument: string | undefined;
  /** `--token-file`; `-` reads standard input. */
  readonly file: string | undefined;
}

/**
 * The token as text. EVIO_TOKEN counts where nothing else was given, and is taken out of the environment, which processes
 * that we start inherit.
 *
 * @throws EvioError EVIO_USAGE when there is none or two, EVIO_BAD_VALUE when the file cannot be read.
 */
export function tokenText({ argument, file }: TokenSource, env: NodeJS.ProcessEnv = process.env): string {
  const inherited = takeInherited('EVIO_TOKEN', env);
  const see = 'See: evio join --help';
  if (argument !== undefined && file !== undefined)
    throw new EvioError('EVIO_USAGE', 'TOKEN and --token-file exclude each other.', [see]);
  const from = file ?? (argument === '-' ? '-' : undefined);
  if (from !== undefined) {
    try {
      return readFileSync(from === '-' ? 0 : from, 'utf8');
    } catch (thrown) {
      throw new EvioError('EVIO_BAD_VALUE', `The token cannot be read: ${messageOf(thrown)}.`, [see]);
    }
  }
  const text = argument ?? inherited ?? '';
  if (text !== '') return text;
  throw new EvioError(
    'EVIO_USAGE',
    'TOKEN is missing: token from "evio init" or "evio token create", or - to read it.',
    ['Or give it by --token-file FILE, or in the environment as EVIO_TOKEN.', see],
  );
}
