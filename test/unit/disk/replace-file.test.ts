import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { replaceFile, replaceFileSync } from '../../../src/core/disk/replace-file.js';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-disk-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const forms = [
  ['replaceFile', replaceFile],
  [
    'replaceFileSync',
    (path: string, text: string) => Promise.resolve().then(() => replaceFileSync(path, text)),
  ],
] as const;

describe.each(forms)('%s', (_name, replace) => {
  it('makes a file that only its owner may read, and leaves nothing beside it', async () => {
    const path = join(folder, 'state.json');
    // What a kill left there, readable by all.
    writeFileSync(`${path}.${process.pid}.tmp`, 'half', { mode: 0o644 });
    await replace(path, 'one');
    await replace(path, 'two');
    expect(readFileSync(path, 'utf8')).toBe('two');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['state.json']);
  });

  it('sweeps away what killed processes left beside it, and nothing else', async () => {
    const path = join(folder, 'state.json');
    const { pid } = spawnSync('true');
    for (const name of [`${pid}.tmp`, `${pid}.tmp.tmp-0123456789abcdef`, `${pid}.txt`, `old.${pid}.tmp`])
      writeFileSync(`${path}.${name}`, 'half');
    await replace(path, 'x');
    expect(readdirSync(folder).sort()).toEqual([
      'state.json',
      `state.json.${pid}.txt`,
      `state.json.old.${pid}.tmp`,
    ]);
  });

  it('is read whole at every moment', async () => {
    const path = join(folder, 'state.json');
    const texts = ['a', 'b'].map((letter) => letter.repeat(3_000_000));
    await replace(path, texts[0] as string);
    let done = false;
    const writing = (async () => {
      for (let i = 1; i <= 6; i++) await replace(path, texts[i % 2] as string);
      done = true;
    })();
    while (!done) {
      expect(texts.includes(readFileSync(path, 'utf8'))).toBe(true);
      await new Promise((resolve) => setImmediate(resolve));
    }
    await writing;
  });

  it('says why it failed, with the old file and nothing beside it', async () => {
    const path = join(folder, 'state.json');
    mkdirSync(path);
    writeFileSync(join(path, 'within'), '');
    await expect(replace(path, 'x')).rejects.toMatchObject({
      code: expect.stringMatching(/EISDIR|ENOTEMPTY/) as string,
    });
    expect(readdirSync(folder)).toEqual(['state.json']);
    await expect(replace(join(folder, 'missing', 'x'), 'x')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('keeps a new file of the same name in another process apart', async () => {
    const path = join(folder, 'state.json');
    writeFileSync(`${path}.1.tmp`, 'of another');
    await replace(path, 'x');
    expect(readFileSync(`${path}.1.tmp`, 'utf8')).toBe('of another');
  });
});
