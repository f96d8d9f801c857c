/** The programs that travel in the one file are read by Node: what bundlers and banners add declares nothing twice. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { hasBuild } from '../../support/need.js';

const { assetPrograms, entryProgram } = (await import(
  new URL('../../../scripts/binary/bundle.mjs', import.meta.url).href
)) as { assetPrograms: () => Promise<Record<string, string>>; entryProgram: () => Promise<string> };

describe.runIf(hasBuild())('programs of the one file', () => {
  it('are whole programs', { timeout: 60_000 }, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'evio-bundle-'));
    try {
      const texts = { ...(await assetPrograms()), 'entry.js': await entryProgram() };
      expect(Object.keys(texts)).toContain('main.js');
      for (const [name, text] of Object.entries(texts)) {
        const kind = name.includes('worker') ? '.cjs' : '.mjs';
        const file = join(folder, name.replace('.js', kind));
        writeFileSync(file, text);
        expect(
          () => execFileSync(process.execPath, ['--check', file], { stdio: 'pipe' }),
          name,
        ).not.toThrow();
      }
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
