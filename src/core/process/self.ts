/** How this program is started once more: by its one file, or by Node and bin/run.js. */
import { fileURLToPath } from 'node:url';
import { packed } from '../native/packed.js';

/** The file that is the program; with Node there is also `process.execPath`. */
export const programFile = packed
  ? process.execPath
  : fileURLToPath(new URL('../../../bin/run.js', import.meta.url));

/** The words that start `evio ARGV` after the path of the executable; `flags` are for Node where it has a file of its own. */
export function selfArguments(argv: readonly string[], flags: readonly string[] = []): string[] {
  // The program of one file has its flags inside, and would take others for words of a command.
  return packed ? [...argv] : [...flags, programFile, ...argv];
}
