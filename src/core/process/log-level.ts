/** How much the program says: EVIO_LOG. Light to load, since every command looks at it. */
import { EvioError } from '../lib/errors.js';
import { printable } from '../lib/printable.js';

export const logLevels = ['error', 'warn', 'info', 'debug', 'trace'] as const;
export type LogLevel = (typeof logLevels)[number];

/** EVIO_LOG, or `info` where it is unset. Throws EvioError EVIO_BAD_VALUE for a level that there is not. */
export function logLevelFrom(env: NodeJS.ProcessEnv): LogLevel {
  const asked = env['EVIO_LOG'] ?? '';
  if (asked === '') return 'info';
  const level = logLevels.find((known) => known === asked.toLowerCase());
  if (level) return level;
  throw new EvioError('EVIO_BAD_VALUE', `EVIO_LOG: there is no level “${printable(asked)}”.`, [
    `Choose one of: ${logLevels.join(', ')}`,
  ]);
}
