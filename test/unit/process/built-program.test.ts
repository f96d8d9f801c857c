/** Which program of one file the entries start: a copy of bin/program.cjs in a package, and in a checkout. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let root: string;
let builtProgram: (name: string, of: string) => string | undefined;

/** Writes a file that is as old, s. */
function put(name: string, age: number): void {
  const path = join(root, name);
  writeFileSync(path, '');
  const at = 1_700_000_000 - age;
  utimesSync(path, at, at);
}

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'evio-built-'));
  for (const name of ['bin', 'dist/program', 'dist/cli']) mkdirSync(join(root, name), { recursive: true });
  const copy = join(root, 'bin/program.cjs');
  copyFileSync(fileURLToPath(new URL('../../../bin/program.cjs', import.meta.url)), copy);
  ({ builtProgram } = createRequire(import.meta.url)(copy) as { builtProgram: typeof builtProgram });
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

describe('the program of one file', () => {
  const found = (): string | undefined => builtProgram('node.js', 'cli/main.js');

  it('is started from a package whatever dates its files have', () => {
    put('dist/cli/main.js', 0);
    expect(found()).toBeUndefined();
    put('dist/program/node.js', 60);
    expect(found()).toBe(join(root, 'dist/program/node.js'));
  });

  it('is started from a checkout unless the modules were compiled after it', () => {
    mkdirSync(join(root, 'src'));
    put('dist/program/node.js', 60);
    expect(found()).toBeUndefined();
    put('dist/cli/main.js', 0);
    expect(found()).toBeUndefined();
    put('dist/cli/main.js', 60);
    expect(found()).toBe(join(root, 'dist/program/node.js'));
  });
});
