import { closeSync, openSync, readFileSync, readdirSync, rmSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { startChild, type Ended } from '../../../src/core/native/child.js';

const env = { PATH: '/usr/bin:/bin', WORD: 'a word' };
const sh = (
  script: string,
  input = '',
  { held, limitMs = 20_000 }: { held?: number; limitMs?: number } = {},
): Ended => startChild('/bin/sh', ['-c', script], { env, held }).finish(input, limitMs);

describe('a program that is run to its end', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-child-'));
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('gets its input and its environment, and says what it has to say', () => {
    expect(sh('cat; echo "$WORD" >&2; exit 3', 'given')).toEqual({
      status: 3,
      stdout: 'given',
      stderr: 'a word\n',
    });
  });

  it('may say and be told more than a pipe holds, both at once', () => {
    const much = 'äbc'.repeat(400_000);
    expect(sh('cat', much)).toEqual({ status: 0, stdout: much, stderr: '' });
    expect(sh('tail -c 2; head -c 300000 /dev/zero >&2', much)).toMatchObject({ status: 0, stdout: 'bc' });
  });

  it('need not listen', () => {
    expect(sh('exec <&-; echo no', 'x'.repeat(1_000_000))).toMatchObject({ status: 0, stdout: 'no\n' });
  });

  it('may end by a signal, also by that of a pipe that nobody reads', () => {
    expect(sh('kill -9 $$').status).toBeUndefined();
    // Who ignores the signal says "Broken pipe" instead, and ends by itself.
    expect(sh('{ yes; echo $? >&2; } | head -n 1')).toMatchObject({ stdout: 'y\n', stderr: '141\n' });
  });

  it('is killed when it takes too long, whether it keeps its outputs or not', () => {
    for (const script of ['exec sleep 60', 'exec sleep 60 >&- 2>&-'])
      expect(() => sh(script, '', { limitMs: 100 })).toThrow(/too long/);
  });

  it('has a descriptor that was held for it, and no other', () => {
    const path = join(folder, 'held');
    const held = openSync(path, 'a');
    try {
      expect(sh('echo here >&3; ls /proc/self/fd', '', { held }).stdout.split('\n')).not.toContain(
        String(held),
      );
    } finally {
      closeSync(held);
    }
    expect(readFileSync(path, 'utf8')).toBe('here\n');
    expect(sh('echo here >&3').status).not.toBe(0);
  });

  it('leaves no descriptor open, there or not', () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    const before = count();
    const times = 20;
    for (let i = 0; i < times; i++) {
      sh('true');
      expect(() => startChild(join(folder, 'none'), [], { env })).toThrow(/none: ENOENT/);
    }
    expect(() => sh('sleep 60', 'x', { limitMs: 50 })).toThrow();
    // Others in this process may open some of their own meanwhile.
    expect(count()).toBeLessThan(before + times);
  });
});
