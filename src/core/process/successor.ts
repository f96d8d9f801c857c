/** Which program goes on in the place of this one. */
import { EvioError } from '../lib/errors.js';
import { selfArguments } from './self.js';

/**
 * The program that was asked for, by default this one as it is on disk now: executable and words before the command's own. Who is
 * not root may only be followed by the program that it is: it may hold more than its user. @throws EvioError EVIO_UPGRADE
 */
export function successorProgram(asked: readonly string[] | undefined): readonly [string, ...string[]] {
  const own = [process.execPath, ...selfArguments([])];
  const program = asked && process.geteuid?.() === 0 ? asked : own;
  if (asked && asked.join('\0') !== program.join('\0')) {
    throw new EvioError('EVIO_UPGRADE', 'It runs from another program, and not as root.', [
      `Replace that program (${own.join(' ')}), and run: evio upgrade`,
    ]);
  }
  const [file, ...words] = program;
  if (file === undefined) throw new EvioError('EVIO_UPGRADE', 'There is no program to go on.');
  return [file, ...words];
}
