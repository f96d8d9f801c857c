/** What V8 compiled of a program, taken by its next start: bin/program.cjs and what writes for it. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepCode, type KeptCode } from '../../../src/core/process/kept-code.js';
import { hasRoot } from '../../support/need.js';

interface Run {
  readonly exports: { readonly answer: () => number };
  readonly kept?: KeptCode;
}
const { placeIn, runText } = createRequire(import.meta.url)('../../../bin/program.cjs') as {
  placeIn: (home: string, name: string) => string | undefined;
  runText: (program: { text: string; filename: string; place?: string; careful?: boolean }) => Run;
};

/** As scripts/program makes it. `answer` is in a text of the same length whatever it is. */
function program(answer: number): string {
  const text = `module.exports = { answer: () => ${answer} };`;
  return `${text}//${createHash('sha256').update(text).digest('hex')}`;
}

let home: string;
const run = (text = program(42)): Run => {
  const place = placeIn(home, 'program');
  return runText({
    text,
    filename: '/program.cjs',
    careful: true,
    ...(place === undefined ? {} : { place }),
  });
};
const file = (): string => join(home, 'cache/program');

/** As a program does that runs. */
function keep({ kept }: Run): void {
  if (!kept) throw new Error('there is nothing to keep');
  if ('taken' in kept) {
    renameSync(kept.taken, kept.path);
    return;
  }
  mkdirSync(join(home, 'cache'), { recursive: true, mode: 0o700 });
  writeFileSync(kept.path, kept.bytes(), { mode: 0o600 });
}
/** Whether it started by what was kept. */
const took = ({ kept }: Run): boolean => kept !== undefined && 'taken' in kept;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'evio-kept-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

describe('what V8 compiled', () => {
  it('is taken by the next start, and by the one after it once that has run for a while', () => {
    const first = run();
    expect([first.exports.answer(), took(first)]).toEqual([42, false]);
    keep(first);
    const second = run();
    expect([second.exports.answer(), took(second)]).toEqual([42, true]);
    // It ended before: perhaps by what it took.
    const third = run();
    expect(took(third)).toBe(false);
    keep(second);
    expect(took(run())).toBe(true);
  });

  it('is of this text only', () => {
    keep(run());
    const other = run(program(43));
    expect([other.exports.answer(), took(other)]).toEqual([43, false]);
  });

  it('is of this Node only', () => {
    keep(run());
    const text = readFileSync(file(), 'latin1');
    expect(text).toContain(`\n${process.version} ${process.arch} ${process.versions.v8} `);
    const other = text.replace(`\n${process.version} `, '\nv20.00.0 ').slice(0, -64);
    const sum = createHash('sha256').update(other, 'latin1').digest('hex');
    writeFileSync(file(), other + sum, 'latin1');
    expect(took(run())).toBe(false);
    // The same with nothing changed.
    const same = text.slice(0, -64);
    writeFileSync(file(), same + createHash('sha256').update(same, 'latin1').digest('hex'), 'latin1');
    expect(took(run())).toBe(true);
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1)],
    ['empty', () => Buffer.alloc(0)],
    [
      'changed in the middle',
      (bytes: Buffer) => bytes.fill(0xa5, bytes.length >> 2, (bytes.length >> 2) + 8),
    ],
    ['changed at its end', (bytes: Buffer) => bytes.fill('0', bytes.length - 4)],
  ])('is not taken when it is %s', (_, damage) => {
    keep(run());
    writeFileSync(file(), damage(readFileSync(file())));
    const next = run();
    expect([next.exports.answer(), took(next)]).toEqual([42, false]);
    keep(next);
    expect(took(run())).toBe(true);
  });

  it('is not taken from a file that others may write, or that is none', () => {
    keep(run());
    chmodSync(file(), 0o620);
    const next = run();
    expect(took(next)).toBe(false);
    keep(next);
    renameSync(file(), join(home, 'elsewhere'));
    symlinkSync(join(home, 'elsewhere'), file());
    expect(took(run())).toBe(false);
  });

  it.each([['cache'], ['.']])(
    'is neither taken nor kept where others may write to the folder %s',
    (folder) => {
      keep(run());
      chmodSync(join(home, folder), 0o770);
      expect(placeIn(home, 'program')).toBeUndefined();
      const next = run();
      expect(next.exports.answer()).toBe(42);
      expect(next.kept).toBeUndefined();
    },
  );

  it.skipIf(!hasRoot())('is not taken from another user', () => {
    keep(run());
    chownSync(file(), 65_534, 65_534);
    expect(took(run())).toBe(false);
    chownSync(join(home, 'cache'), 65_534, 65_534);
    expect(placeIn(home, 'program')).toBeUndefined();
  });

  it('is kept nowhere before there is a home', () => {
    expect(placeIn(join(home, 'none'), 'program')).toBeUndefined();
  });
});

describe('a program that runs', () => {
  /** Fires when it is told. */
  function virtualClock(): { readonly clock: Parameters<typeof keepCode>[1]; readonly fire: () => void } {
    let due: (() => void) | undefined;
    const after = (_: number, fire: () => void): (() => void) => {
      due = fire;
      return () => undefined;
    };
    return { clock: { now: () => 0, date: () => 0, after }, fire: () => due?.() };
  }

  it('keeps it when it has little to do, for itself alone', async () => {
    const { clock, fire } = virtualClock();
    const { kept } = run();
    if (!kept || 'taken' in kept) throw new Error('there is nothing to keep');
    const bytes = vi.fn(() => kept.bytes());
    let load = 0.9;
    keepCode({ path: kept.path, bytes }, clock, {}, () => () => load);
    fire();
    load = 0.1;
    expect(bytes).not.toHaveBeenCalled();
    fire();
    await vi.waitFor(() => {
      expect(statSync(file()).mode & 0o777).toBe(0o600);
    });
    expect(statSync(join(home, 'cache')).mode & 0o777).toBe(0o700);
    expect(readFileSync(file()).length).toBeGreaterThan(100);
    const next = run();
    expect(took(next)).toBe(true);
    if (next.kept) keepCode(next.kept, clock, {}, () => () => 0);
    expect(existsSync(file())).toBe(false);
    fire();
    await vi.waitFor(() => {
      expect(existsSync(file())).toBe(true);
    });
    expect(took(run())).toBe(true);
  });

  it('goes on where the disk takes nothing', async () => {
    const { clock, fire } = virtualClock();
    const bytes = vi.fn(() => Buffer.alloc(8));
    writeFileSync(join(home, 'cache'), 'a file');
    keepCode({ path: file(), bytes }, clock, {}, () => () => 0);
    fire();
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(readFileSync(join(home, 'cache'), 'utf8')).toBe('a file');
  });
});
