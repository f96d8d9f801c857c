/** What is loaded is code in a process that is often root's: whoever can write to a place gets nothing loaded from it. */
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placesOf, type PlacedAddon, type PlaceOptions } from '../../../src/core/native/addon-place.js';
import { hasRoot } from '../../support/need.js';

const addon = { name: 'addon-0123.node', bytes: Buffer.from('code of ours') };
const uid = process.getuid?.() ?? -1;
const other = 12_345;

let folder: string;
let options: PlaceOptions;
let system: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'evio-place-'));
  system = join(folder, 'var/cache/evio');
  mkdirSync(join(folder, 'usr/bin'), { recursive: true });
  mkdirSync(join(folder, 'tmp'));
  chmodSync(join(folder, 'tmp'), 0o700);
  options = {
    // The same folder for root and for others.
    env: { CACHE_DIRECTORY: system },
    uid,
    program: join(folder, 'usr/bin/evio'),
    system: [system],
    temporary: [join(folder, 'tmp')],
  };
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The first place that can be had, as the program looks for it. */
function placed(): PlacedAddon | undefined {
  for (const place of placesOf(addon, options)) {
    try {
      const found = place();
      if (found) return found;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

const isTemporary = (found: PlacedAddon | undefined): boolean =>
  found?.path.startsWith(join(folder, 'tmp/evio-')) === true;

describe('the place of an addon', () => {
  it('is a private folder, and the file is whole and not to be changed', () => {
    const found = placed();
    expect(found?.path).toBe(join(system, addon.name));
    expect(readFileSync(found?.path as string)).toEqual(addon.bytes);
    expect(lstatSync(system).mode & 0o777).toBe(0o700);
    expect(lstatSync(found?.path as string).mode & 0o777).toBe(0o500);
    expect(readdirSync(system)).toEqual([addon.name]);
    const before = lstatSync(found?.path as string).ino;
    expect(placed()?.path).toBe(found?.path);
    expect(lstatSync(found?.path as string).ino).toBe(before);
  });

  it('is the package’s where the package has put it', () => {
    const lib = join(folder, 'usr/lib/evio');
    mkdirSync(lib, { recursive: true });
    writeFileSync(join(lib, addon.name), addon.bytes, { mode: 0o644 });
    expect(placed()?.path).toBe(join(folder, 'usr/lib/evio', addon.name));
    chmodSync(lib, 0o777);
    expect(placed()?.path).toBe(join(system, addon.name));
  });

  it.each<[string, () => void]>([
    ['other content', () => writeFileSync(join(system, addon.name), 'code of them', { mode: 0o500 })],
    ['a beginning only', () => writeFileSync(join(system, addon.name), 'code of')],
    ['more than it was', () => writeFileSync(join(system, addon.name), 'code of ours, and theirs')],
    ['a folder', () => mkdirSync(join(system, addon.name))],
    [
      'a link to the same content',
      () => {
        writeFileSync(join(folder, 'elsewhere'), addon.bytes, { mode: 0o500 });
        symlinkSync(join(folder, 'elsewhere'), join(system, addon.name));
      },
    ],
    [
      'a file that all may write to',
      () => {
        writeFileSync(join(system, addon.name), addon.bytes);
        chmodSync(join(system, addon.name), 0o766);
      },
    ],
  ])('is another one where under its name there is %s', (_, prepare) => {
    mkdirSync(system, { recursive: true, mode: 0o700 });
    prepare();
    const found = placed();
    expect(isTemporary(found)).toBe(true);
    expect(readFileSync(found?.path as string)).toEqual(addon.bytes);
    found?.loaded();
    expect(readdirSync(join(folder, 'tmp'))).toEqual([]);
  });

  it('is not a folder that others may write to, nor one by a link', () => {
    mkdirSync(system, { recursive: true });
    chmodSync(system, 0o777);
    expect(isTemporary(placed())).toBe(true);
    rmSync(system, { recursive: true });
    mkdirSync(join(folder, 'elsewhere'), { mode: 0o700 });
    symlinkSync(join(folder, 'elsewhere'), system);
    options = { ...options, env: { XDG_RUNTIME_DIR: join(folder, 'var/cache') } };
    expect(isTemporary(placed())).toBe(true);
    expect(readdirSync(join(folder, 'elsewhere'))).toEqual([]);
  });

  it('is behind the link that systemd puts where a service’s folder would be', () => {
    mkdirSync(join(folder, 'private'), { mode: 0o700 });
    mkdirSync(join(folder, 'var/cache'), { recursive: true });
    symlinkSync(join(folder, 'private'), system);
    options = { ...options, uid: uid === 0 ? other : uid };
    const calls = placesOf(addon, options);
    // Root's files are trusted by all, so that this runs as root, too.
    const found = calls[1]?.();
    expect(found?.path).toBe(join(folder, 'private', addon.name));
  });

  it.runIf(hasRoot())('is nothing of another user’s, whatever it holds', () => {
    mkdirSync(system, { recursive: true, mode: 0o700 });
    writeFileSync(join(system, addon.name), addon.bytes, { mode: 0o500 });
    chownSync(join(system, addon.name), other, other);
    expect(isTemporary(placed())).toBe(true);
    chownSync(join(system, addon.name), 0, 0);
    expect(placed()?.path).toBe(join(system, addon.name));
    chownSync(system, other, other);
    expect(isTemporary(placed())).toBe(true);
  });

  it('is not below a folder in which others could exchange what was made', () => {
    chmodSync(join(folder, 'tmp'), 0o777);
    mkdirSync(system, { recursive: true });
    chmodSync(system, 0o777);
    expect(placed()).toBeUndefined();
    // As /tmp is.
    if (uid === 0) {
      chmodSync(join(folder, 'tmp'), 0o1777);
      expect(isTemporary(placed())).toBe(true);
    }
  });

  it('is for root not what the environment says', () => {
    const env = { CACHE_DIRECTORY: join(folder, 'theirs'), XDG_CACHE_HOME: join(folder, 'theirs') };
    options = { ...options, env, uid: 0, system: [] };
    for (const place of placesOf(addon, options)) {
      try {
        place();
      } catch {
        // Of no matter here.
      }
    }
    expect(existsSync(join(folder, 'theirs'))).toBe(false);
  });

  it('is found by all who begin at once', async () => {
    const found = await Promise.all(Array.from({ length: 20 }, async () => placed()?.path));
    expect(new Set(found)).toEqual(new Set([join(system, addon.name)]));
    expect(readdirSync(system)).toEqual([addon.name]);
  });
});
