/** The end of a process that cannot go on with what it was left: the same program, from the beginning. */
import type { Logger } from '../lib/env.js';
import { become } from '../native/exec.js';
import { packed } from '../native/packed.js';

/**
 * As a process that is nobody's successor. What was inherited is closed, so that its names and ports are free. Returns only where the
 * system does not allow it.
 */
export function beginAnew(reason: string, log: Logger): void {
  log.warn('this process begins anew', { reason });
  const [, file = '', ...words] = process.argv;
  const own = packed ? words : [...process.execArgv, file, ...words];
  const thrown = become([process.execPath, ...own], process.env);
  log.error(thrown.message);
}
