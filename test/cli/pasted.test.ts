/** What people are told to type is typed: by a shell, as they came to the program. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { TestHome, binary, root } from './support.js';

const folder = mkdtempSync(join(tmpdir(), 'evio-pasted-'));
const home = new TestHome();
afterAll(() => {
  home.remove();
  rmSync(folder, { recursive: true, force: true });
});
// A project that has evio as a package, and a folder of PATH with it.
const project = join(folder, 'project');
mkdirSync(join(project, 'node_modules/.bin'), { recursive: true });
mkdirSync(join(folder, 'programs'));
writeFileSync(join(project, 'package.json'), '{"name":"project","version":"1.0.0","private":true}');
symlinkSync(root, join(project, 'node_modules/evio'));
symlinkSync('../evio/bin/run.js', join(project, 'node_modules/.bin/evio'));
symlinkSync(binary, join(folder, 'programs/evio'));
chmodSync(binary, 0o755);

const PATH = `${dirname(process.execPath)}:/usr/bin:/bin`;
const inPath = `${join(folder, 'programs')}:${PATH}`;
const shell = (line: string, path: string) => {
  // These tests may run under npm, the person does not.
  const env = { ...home.environment, PATH: path, npm_config_user_agent: undefined };
  return spawnSync('sh', ['-c', line], { cwd: project, encoding: 'utf8', env });
};

describe('a hint can be pasted', () => {
  it.each([
    ['evio', 'evio', inPath],
    ['npx evio', 'npx evio', PATH],
    [`./node_modules/.bin/evio`, join(project, 'node_modules/.bin/evio'), PATH],
    [`node ${binary}`, binary, PATH],
    [binary, binary, PATH],
  ])('by who typed %s', { timeout: 60_000 }, (typed, name, path) => {
    const { status, stderr } = shell(`${typed} ping`, path);
    expect(status).toBe(2);
    const [, line = ''] = /^ {2}- See: (.+)$/m.exec(stderr) ?? [];
    expect(line).toBe(`${name} ping --help`);
    expect(shell(line, path)).toMatchObject({
      status: 0,
      stdout: expect.stringContaining('USAGE') as string,
    });
  });

  it.runIf(process.getuid?.() === 0)('by who lacks the right, with sudo, but for what has a token', () => {
    const dropped = [
      'setpriv',
      '--reuid=65534',
      '--clear-groups',
      'env',
      `EVIO_HOME=${join(folder, 'none')}`,
    ];
    const said = (...words: string[]): string =>
      shell([...dropped, process.execPath, binary, ...words].join(' '), PATH).stderr;
    expect(said('node')).toContain(` EVIO_HOME=${join(folder, 'none')} ${binary} node\n`);
    expect(said('node')).toMatch(/^ {2}- Run it as root: sudo /m);
    expect(said('join', `evio1${'A'.repeat(20)}`)).not.toContain('evio1A');
  });

  it('for another machine, it is what root types there', () => {
    for (const [typed, path] of [
      ['evio', inPath],
      ['npx evio', PATH],
    ] as const) {
      const { stderr } = shell(`EVIO_HOME='${join(folder, typed)}' ${typed} init home`, path);
      expect(stderr).toMatch(new RegExp(`^Let other machines join with: sudo ${typed} join `, 'm'));
    }
  });

  it('and is as ever for programs', () => {
    const { stdout } = shell(`node ${binary} status --json`, PATH);
    // Who is not root looks for the node of root, whatever this home holds.
    const first = process.getuid?.() === 0 ? 'Make one with: evio init' : 'Start it with: sudo evio node';
    expect((JSON.parse(stdout) as { error: { suggestions: string[] } }).error.suggestions[0]).toBe(first);
  });
});
