import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { completionScript, shells, type Completable } from '../../../src/cli/completion.js';

const commands: Completable[] = [
  {
    words: ['join'],
    summary: "join a network: it's easy",
    flags: [{ name: 'role', takesValue: true, summary: 'what', options: ['switch', 'leaf'] }],
  },
  {
    words: ['ping'],
    summary: 'ask',
    argument: 'peers',
    flags: [
      { name: 'network', char: 'n', takesValue: true, summary: 'which', options: [], kind: 'networks' },
      { name: 'quiet', char: 'q', takesValue: false, summary: 'less', options: [] },
      { name: 'mode', takesValue: true, summary: 'how', options: ['fast', 'slow'] },
    ],
  },
  {
    words: ['token', 'create'],
    summary: 'make',
    flags: [{ name: 'uses', takesValue: true, summary: 'how often', options: [] }],
  },
  { words: ['token', 'list'], summary: 'list', flags: [] },
  { words: ['invite', 'ping'], summary: 'ask one', argument: 'tokens', flags: [] },
  { words: ['relay', 'down'], summary: 'stop', flags: [] },
  // A topic that the program does not have; one of its commands is a topic, too.
  {
    words: ['net', 'relay'],
    summary: 'show',
    flags: [{ name: 'all', takesValue: false, summary: 'all', options: [] }],
  },
  {
    words: ['net', 'relay', 'add'],
    summary: 'add',
    flags: [{ name: 'kind', takesValue: true, summary: 'which', options: ['open', 'closed'] }],
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
    [[''], ['join', 'ping', 'token', 'invite', 'relay', 'net']],
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

/** The script, with a program in front of it that stands for a node. */
const node = `evio() {
  [ "$1" = __complete ] || return 1
  case $2 in peers) printf 'ben\\nweb-2\\n' ;; networks) printf 'home\\nwork\\n' ;; tokens) echo 0a1b ;; esac
}`;

describe('completion of what a node knows', () => {
  function run(shell: string, args: readonly string[], script: string): string[] | undefined {
    const { stdout, error } = spawnSync(shell, [...args, script], { encoding: 'utf8' });
    return error ? undefined : stdout.trim().split(/\s+/).filter(Boolean).sort();
  }
  const cases: [string[], string[]][] = [
    [
      ['ping', ''],
      ['ben', 'web-2'],
    ],
    [['ping', 'w'], ['web-2']],
    // "invite ping" is another command than "ping", and "net relay" than "relay".
    [['invite', 'ping', ''], ['0a1b']],
    [['net', 'relay', ''], ['add']],
    [['relay', ''], ['down']],
    [
      ['ping', '--network', ''],
      ['home', 'work'],
    ],
    [
      ['ping', '--mode', ''],
      ['fast', 'slow'],
    ],
    [
      ['ping', '-n', ''],
      ['home', 'work'],
    ],
    // The value of a flag is no argument, and what stands behind one without a value is.
    [['ping', '-n', 'home', 'w'], ['web-2']],
    [['ping', '--network', 'home', 'w'], ['web-2']],
    [['ping', '-q', 'w'], ['web-2']],
  ];

  it.each(cases)('by bash: of %j offers %j', (line, words) => {
    const script = `${node}
${completionScript('bash', 'evio', commands)}
COMP_WORDS=(evio ${line.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${line.length}; _evio; echo "\${COMPREPLY[@]}"`;
    expect(run('bash', ['--norc', '-c'], script)).toEqual(words);
  });

  it('by bash: nothing of what is offered is run', () => {
    const trace = join(tmpdir(), `evio-completion-${process.pid}`);
    onTestFinished(() => {
      rmSync(trace, { force: true });
    });
    const script = `evio() { printf '%s\\n' '$(touch\${IFS}${trace})' '\`touch\${IFS}${trace}\`' ben; }
IFS=$' \\t\\n'
${completionScript('bash', 'evio', commands)}
COMP_WORDS=(evio ping 'b'); COMP_CWORD=2; _evio; echo "\${COMPREPLY[@]}"`;
    expect(run('bash', ['--norc', '-c'], script)).toEqual(['ben']);
    expect(existsSync(trace)).toBe(false);
  });

  it.for(cases)('by zsh: of %j offers %j', ([line, offeredWords], { skip }) => {
    const current = line.length + 1;
    const script = `${node}
compdef() { :; }
_files() { :; }
_describe() { local w; for w in $items; do [[ $w == "$PREFIX"* ]] && print -r -- "\${w%%:*}"; done; }
${completionScript('zsh', 'evio', commands)}
words=(evio ${line.map((word) => `'${word}'`).join(' ')}); CURRENT=${current}; PREFIX='${line.at(-1)}'; _evio`;
    const found = run('zsh', ['-f', '-c'], script);
    if (!found) return skip('zsh is not installed');
    expect(found).toEqual(offeredWords);
  });

  it.for(cases)('by fish: of %j offers %j', ([line, offeredWords], { skip }) => {
    const script = `function evio; test "$argv[1]" = __complete; or return 1; switch $argv[2]; case peers; printf 'ben\\nweb-2\\n'; case networks; printf 'home\\nwork\\n'; case tokens; echo 0a1b; end; end
${completionScript('fish', 'evio', commands)}
complete -C 'evio ${line.join(' ')}' | cut -f1`;
    const found = run('fish', ['--no-config', '-c'], script);
    if (!found) return skip('fish is not installed');
    expect(found).toEqual(offeredWords);
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
