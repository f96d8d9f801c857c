/** A program of ours with places changed, for tests only. A change that finds no place ends the test: it must follow the program. */
import { cpSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

export interface Patch {
  /** Below dist/. */
  readonly file: string;
  readonly at: string;
  /** Stands in the place of `at`; `$` is what stood there. */
  readonly put: string;
}

/**
 * Makes the program in `folder`, which must exist and be empty.
 *
 * @param head stands before each file that is changed
 * @returns its `run.js`
 */
export function makePatched(
  folder: string,
  patches: readonly Patch[],
  head: (path: string) => string = () => '',
): string {
  for (const name of ['dist', 'bin', 'package.json', 'oclif.manifest.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  // What is made of the same modules is not changed with them.
  rmSync(join(folder, 'dist/program'), { recursive: true, force: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  for (const file of new Set(patches.map((patch) => patch.file))) {
    const path = join(folder, 'dist', file);
    let text = readFileSync(path, 'utf8');
    for (const { at, put } of patches.filter((patch) => patch.file === file)) {
      if (text.split(at).length !== 2) throw new Error(`${file} has no single place "${at}"`);
      text = text.replace(at, () => put.replace('$', () => at));
    }
    writeFileSync(path, `${head(path)}${text}`);
  }
  return join(folder, 'bin', 'run.js');
}
