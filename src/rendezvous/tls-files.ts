/** Certificate and key of a relay that speaks TLS itself. */
import { readFile } from 'node:fs/promises';
import { EvioError, messageOf } from '../core/lib/errors.js';
import type { RelayServerOptions } from './server-options.js';

/** PEM. */
export interface TlsPair {
  readonly cert: string;
  readonly key: string;
}

/** Undefined where the relay speaks no TLS. Throws EvioError EVIO_BAD_VALUE. */
export async function readTls(files: RelayServerOptions['tls']): Promise<TlsPair | undefined> {
  if (!files) return undefined;
  try {
    return { cert: await readFile(files.certFile, 'utf8'), key: await readFile(files.keyFile, 'utf8') };
  } catch (thrown) {
    throw new EvioError('EVIO_BAD_VALUE', `Cannot read the TLS files: ${messageOf(thrown)}.`, [
      'Give PEM files that this user may read: --tls-cert FILE --tls-key FILE',
    ]);
  }
}
