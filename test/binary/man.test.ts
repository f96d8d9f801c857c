/** Manual pages, as the strictest reader of them takes them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { need } from '../support/need.js';
import { root, tool } from './support.js';

const pages = join(root, 'dist/man');
const hasPages = (): boolean => need('a build (npm run build)', existsSync(pages));
const hasCritic = (): boolean => need('mandoc (bash test/binary/prepare.sh)', existsSync(tool('mandoc')));

describe.runIf(hasPages() && hasCritic())('manual pages', () => {
  const files = readdirSync(pages).map((name) => join(pages, name));

  it('are there for every command, with each of its flags', () => {
    const { commands } = JSON.parse(readFileSync(join(root, 'oclif.manifest.json'), 'utf8')) as {
      commands: Record<string, { id: string; hidden?: boolean; flags: Record<string, object> }>;
    };
    for (const { id, hidden, flags } of Object.values(commands)) {
      if (hidden) continue;
      const page = join(pages, `evio-${id.replaceAll(':', '-')}.1`);
      const shown = execFileSync(tool('mandoc'), ['-T', 'ascii', page], { encoding: 'utf8' }).replace(
        /.[\b]/g,
        '',
      );
      for (const flag of Object.keys(flags)) expect(shown, id).toContain(`--${flag}`);
    }
  });

  it('are read without a warning', () => {
    const { stdout, stderr } = spawnSync(tool('mandoc'), ['-T', 'lint', '-W', 'warning', ...files], {
      encoding: 'utf8',
    });
    expect(stdout + stderr).toBe('');
    for (const file of files) expect(readFileSync(file, 'utf8'), file).toMatch(/^[\n\t -~]+$/);
  });
});
