/** What V8 compiled of a program, taken by its next start: bin/compiled.cjs and what writes for it. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
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
const { placeIn, runText } = createRequire(import.meta.url)('../../../bin/compiled.cjs') as {
  placeIn: (home: string, name: string) => string | undefined;
  runText: (program: { text: string; filename: string; place?: string; whole?: boolean }) => Run;
};

/** As scripts/program makes it. `answer` is in a text of the same length whatever it is. */
function program(answer: number): string {
  const text = `module.exports = { answer: () => ${answer} };`;
  return `${text}//${createHash('sha256').update(text).digest('hex')}`;
}

let home: string;
const run = (text = program(42)): Run => {
  const place = placeIn(home, 'program');
  return runText({ text, filename: '/program.cjs', whole: true, ...(place === undefined ? {} : { place }) });
};
const file = (): string => join(home, 'cache/program');

/** As a program does that runs. */
function keep({ kept }: Run): void {
  if (!kept) throw new Error('there is nothing to keep');
  mkdirSync(join(home, 'cache'), { recursive: true, mode: 0o700 });
  writeFileSync(kept.path, kept.bytes(), { mode: 0o600 });
}

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'evio-kept-'));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

describe('what V8 compiled', () => {
  it('is taken by the next start, which has nothing to keep', () => {
    const first = run();
    expect(first.exports.answer()).toBe(42);
    keep(first);
    const second = run();
    expect(second.exports.answer()).toBe(42);
    expect(second.kept).toBeUndefined();
  });

  it('is of this text only', () => {
    keep(run());
    const other = run(program(43));
    expect(other.exports.answer()).toBe(43);
    expect(other.kept).toBeDefined();
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
    expect(next.exports.answer()).toBe(42);
    keep(next);
    expect(run().kept).toBeUndefined();
  });

  it('is not taken from a file that others may write, or that is none', () => {
    keep(run());
    chmodSync(file(), 0o620);
    expect(run().kept).toBeDefined();
    chmodSync(file(), 0o600);
    expect(run().kept).toBeUndefined();
    renameSync(file(), join(home, 'elsewhere'));
    symlinkSync(join(home, 'elsewhere'), file());
    expect(run().kept).toBeDefined();
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
    expect(run().kept).toBeDefined();
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
    if (!kept) throw new Error('there is nothing to keep');
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
