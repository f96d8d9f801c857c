import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { completionScript, shells, type Completable } from '../../../src/cli/completion.js';

const commands: Completable[] = [
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
  // A topic that the program does not have; one of its commands is a topic, too.
  { words: ['net', 'relay'], summary: 'show', flags: [{ name: 'all', summary: 'all', options: [] }] },
  {
    words: ['net', 'relay', 'add'],
    summary: 'add',
    flags: [{ name: 'kind', summary: 'which', options: ['open', 'closed'] }],
  },
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
    [[''], ['join', 'token', 'net']],
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
    [
      ['join', 'sometoken', '--'],
      ['--help', '--role'],
    ],
    [['token', 'unknown', ''], []],
    [['unknown', ''], []],
    [['unknown', '--'], []],
    [['net', ''], ['relay']],
    [['net', 'relay', ''], ['add']],
    [
      ['net', 'relay', '--'],
      ['--help', '--all'],
    ],
    [['--json', 'net', 'relay', 'add', '--k'], ['--kind']],
    [
      ['net', 'relay', 'add', 'argument', '--kind', ''],
      ['open', 'closed'],
    ],
  ])('of %j offers %j', (line, words) => {
    expect(offered(...line)).toEqual(words);
  });
});

describe('completion scripts', () => {
  it.each(shells)('of %s name every command and flag', (shell) => {
    const script = completionScript(shell, 'evio', commands);
    for (const word of ['join', 'token', 'create', 'role', 'uses']) expect(script).toContain(word);
  });

  it.for(['zsh', 'fish'] as const)('are sound for %s', (shell, { skip }) => {
    const folder = mkdtempSync(join(tmpdir(), 'evio-completion-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true });
    });
    const path = join(folder, shell);
    writeFileSync(path, completionScript(shell, 'evio', commands));
    const checked = spawnSync(shell, ['-n', path], { encoding: 'utf8' });
    if (checked.error) skip(`${shell} is not installed`);
    expect(checked.stderr).toBe('');
  });
});
