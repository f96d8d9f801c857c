import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { completionScript, shells, type CommandShape } from '../../../src/cli/completion.js';

const commands: CommandShape[] = [
  {
    words: ['join'],
    summary: "join a network: it's easy",
    flags: [{ name: 'role', summary: 'what', options: ['switch', 'leaf'] }],
  },
  {
    words: ['token', 'create'],
    summary: 'make',
    flags: [{ name: 'uses', summary: 'how often', options: [] }],
  },
  { words: ['token', 'list'], summary: 'list', flags: [] },
];

/** What bash offers for a line whose last word is being typed. */
function offered(...line: string[]): string[] {
  const script = `${completionScript('bash', 'evio', commands)}
COMP_WORDS=(evio ${line.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${line.length}; _evio; echo "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout.trim().split(' ').filter(Boolean);
}

describe('completion in bash', () => {
  it.each([
    [[''], ['join', 'token']],
    [['to'], ['token']],
    [
      ['token', ''],
      ['create', 'list'],
    ],
    [
      ['token', 'create', '--'],
      ['--help', '--uses'],
    ],
    [['join', '--ro'], ['--role']],
    [
      ['join', '--role', ''],
      ['switch', 'leaf'],
    ],
    [['join', 'sometoken', ''], []],
  ])('of %j offers %j', (line, words) => {
    expect(offered(...line)).toEqual(words);
  });
});

describe('completion scripts', () => {
  it.each(shells)('of %s name every command and flag', (shell) => {
    const script = completionScript(shell, 'evio', commands);
    for (const word of ['join', 'token', 'create', 'role', 'uses']) expect(script).toContain(word);
  });

  it('are sound for zsh and fish where these are installed', () => {
    const folder = mkdtempSync(join(tmpdir(), 'evio-completion-'));
    for (const shell of ['zsh', 'fish'] as const) {
      const path = join(folder, shell);
      writeFileSync(path, completionScript(shell, 'evio', commands));
      const checked = spawnSync(shell, ['-n', path], { encoding: 'utf8' });
      if (!checked.error) expect(checked.stderr).toBe('');
    }
    rmSync(folder, { recursive: true });
  });
});
