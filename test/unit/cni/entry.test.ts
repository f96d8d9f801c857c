/** The plugin's entry, before there is a node whose folder compiled code could be kept in. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const entry = fileURLToPath(new URL('../../../bin/evio-cni.cjs', import.meta.url));
/** Another Node than that of the tests may be named. */
const node = process.env['EVIO_TEST_NODE'] ?? process.execPath;

describe('the plugin’s entry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-entry-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('keeps nothing where others than root may write', () => {
    const home = join(folder, 'home');
    const open = join(folder, 'tmp');
    mkdirSync(open);
    const ask = (): string => {
      const env = { PATH: process.env['PATH'], TMPDIR: open, EVIO_HOME: home, CNI_COMMAND: 'VERSION' };
      return spawnSync(node, [entry], { encoding: 'utf8', env, input: '{"cniVersion":"1.0.0"}' }).stdout;
    };
    expect(ask()).toContain('"1.1.0"');
    mkdirSync(home, { mode: 0o700 });
    expect(ask()).toContain('"1.1.0"');
    expect(readdirSync(open)).toEqual([]);
  });
});
