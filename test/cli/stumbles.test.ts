/** Where people stumbled who used evio for the first time. Each is told what happened, and what to do. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasRoot } from '../support/need.js';
import { TestHome, binary, root } from './support.js';

let home: TestHome;
beforeEach(() => {
  home = new TestHome();
});
afterEach(() => {
  home.remove();
});

describe('a fresh clone', () => {
  /** What git has of the programs, and nothing that is built or installed. */
  const clone = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'evio-clone-'));
    for (const name of ['bin', 'scripts', 'package.json'])
      cpSync(join(root, name), join(folder, name), { recursive: true });
    return folder;
  };
  it.each([[['bin/run.js', '--help']], [['bin/run.js', 'node']], [['scripts/prepack.mjs']]])(
    'says in %j which script makes it ready',
    (words) => {
      const folder = clone();
      try {
        const { status, stdout, stderr } = spawnSync(process.execPath, words, {
          cwd: folder,
          encoding: 'utf8',
        });
        expect(stdout).toBe('');
        const script = join(folder, 'scripts/setup.sh');
        expect(stderr).toMatch(/^evio: [^\n]+\.\n {2}- [^\n]+: bash \S+\n$/);
        expect(stderr).toContain(`bash ${script}`);
        expect(existsSync(script)).toBe(true);
        expect(status).not.toBe(0);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  );

  it('is asked before it is packed', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: { prepack: string };
    };
    expect(scripts.prepack).toMatch(/^node scripts\/prepack\.mjs && /);
  });

  it('says the same to programs', () => {
    const folder = clone();
    try {
      const { stdout, status } = spawnSync(process.execPath, ['bin/run.js', 'peers', '--json'], {
        cwd: folder,
        encoding: 'utf8',
      });
      expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'EVIO_USAGE' } });
      expect(status).toBe(2);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('a word that is nearly a command', () => {
  it.each([
    ['stauts', 'status'],
    ['joni', 'join'],
  ])('%s: %s is named', async (typed, meant) => {
    const { error } = await home.run([typed, '--json']);
    expect(error()).toMatchObject({ code: 'EVIO_USAGE' });
    expect([error().message, ...error().suggestions].join('\n')).toContain(`evio ${meant}`);
  });
});

describe.runIf(hasRoot())('the machine', () => {
  /** The end of `evio WORDS` in namespaces of its own, after a line of the shell. */
  const apart = (line: string, words: string): { stdout: string; stderr: string } =>
    spawnSync(
      'unshare',
      [
        '--mount',
        '--net',
        '--propagation',
        'private',
        'sh',
        '-c',
        `${line}; exec timeout -s INT 5 "$0" "$1" ${words}`,
        process.execPath,
        binary,
      ],
      { encoding: 'utf8', env: home.environment },
    );

  it('has a private address only: the relay says who cannot use its URL, and what to add', () => {
    const line = 'ip link set lo up; ip address add 192.168.7.7/32 dev lo';
    const { stderr } = apart(line, 'relay --listen 192.168.7.7:3478 --json');
    expect(stderr).toContain('the URL names a private address');
    expect(stderr).toContain('evio relay --public HOST:3478');
  });

  it.each([
    ['read-only', `mount -t tmpfs -o ro evio-ro "$EVIO_HOME"`, /read-only/],
    [
      'full',
      `mount -t tmpfs -o size=64k evio-full "$EVIO_HOME"; head -c 65536 /dev/zero > "$EVIO_HOME/ballast"`,
      /full/,
    ],
  ])('has a disk that is %s: the doctor says so', (_, line, why) => {
    const { stdout } = apart(line, 'doctor --json');
    const { checks } = JSON.parse(stdout) as { checks: { id: string; status: string; detail: string }[] };
    const storage = checks.find(({ id }) => id === 'storage');
    expect(storage?.status).toBe('fail');
    expect(storage?.detail).toMatch(why);
    expect(storage?.detail).toContain(home.path);
  });

  it('has room: the doctor says so, and leaves nothing behind', async () => {
    const { checks } = (await home.run(['doctor', '--json'])).json<{
      checks: { id: string; status: string }[];
    }>();
    expect(checks.find(({ id }) => id === 'storage')?.status).toBe('pass');
    expect(readdirSync(home.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
