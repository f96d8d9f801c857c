/** Where people stumbled who used evio for the first time. Each is told what happened, and what to do. */
import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasRoot } from '../support/need.js';
import { TestHome, binary, madeNetwork, root } from './support.js';

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

describe('the machine that made the network', { timeout: 60_000 }, () => {
  it('does not leave it unasked: what is lost is said, how it is kept, and how it is lost all the same', async () => {
    const { network } = await madeNetwork(home);
    const { status, error } = await home.run(['leave', '--json']);
    expect(status).toBe(1);
    expect(error()).toMatchObject({
      code: 'EVIO_ROOT_KEY',
      message: expect.stringMatching(
        /root key of \S+ is on this machine: without it nobody can ever/,
      ) as string,
    });
    const hints = error().suggestions.join('\n');
    expect(hints).toContain('To lose it: evio leave --force');
    expect(existsSync(join(home.path, 'networks', network.id, 'profile.json'))).toBe(true);
    // As it is told, beside a node that runs, too.
    const line = /: (evio root export .*)$/m.exec(hints)?.[1] ?? '';
    const { status: done, stderr } = spawnSync(
      'sh',
      ['-c', `evio() { "${process.execPath}" "${binary}" "$@"; }; evio node --detach --userspace; ${line}`],
      { encoding: 'utf8', cwd: home.path, env: { ...home.environment, EVIO_PASSPHRASE: 'correct horse' } },
    );
    expect(done, stderr).toBe(0);
    expect(stderr).toContain(`Left the network ${network.name} (${network.id}).`);
    expect(existsSync(join(home.path, `${network.name}.root`))).toBe(true);
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

describe.runIf(hasRoot())('the machine', { timeout: 90_000 }, () => {
  /** The end of `evio WORDS` in namespaces of its own, after a line of the shell; it is told to end after these seconds. */
  const apart = (line: string, words: string, seconds = 60): { stdout: string; stderr: string } =>
    spawnSync(
      'unshare',
      [
        '--mount',
        '--net',
        '--propagation',
        'private',
        'sh',
        '-c',
        `${line}; exec timeout -s INT ${seconds} "$0" "$1" ${words}`,
        process.execPath,
        binary,
      ],
      { encoding: 'utf8', env: home.environment },
    );

  it('has a private address only: the relay says who cannot use its URL, and what to add', () => {
    const line = 'ip link set lo up; ip address add 192.168.7.7/32 dev lo';
    const { stderr } = apart(line, 'relay --listen 192.168.7.7:3478 --json', 8);
    expect(stderr).toContain('the URL names a private address');
    expect(stderr).toContain('evio relay --listen 192.168.7.7:3478 --public HOST:3478');
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

  /** Lines that make the home so. */
  const made = {
    'a read-only home': 'mount --bind "$EVIO_HOME" "$EVIO_HOME"; mount -o remount,ro,bind "$EVIO_HOME"',
    'a full disk':
      'mount -t tmpfs -o size=64k evio-full "$EVIO_HOME"; head -c 65536 /dev/zero > "$EVIO_HOME/ballast"',
  } as const;
  const causes = {
    'a read-only home': 'the file system is read-only',
    'a full disk': 'the disk is full',
  } as const;

  it.each([
    ['a read-only home', 'init other'],
    ['a read-only home', 'token create'],
    ['a read-only home', 'set --name x'],
    ['a read-only home', 'leave --force'],
    ['a read-only home', 'node'],
    ['a read-only home', 'node --detach'],
    ['a read-only home', 'relay --listen 127.0.0.1:0 --detach'],
    ['a full disk', 'init other'],
    ['a full disk', 'relay --listen 127.0.0.1:0 --detach'],
  ] as const)('has %s: evio %s names the cause', async (what, words) => {
    await madeNetwork(home);
    const { stdout } = apart(`ip link set lo up; ${made[what]}`, `${words} --json`);
    const why = causes[what];
    const { error } = JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as {
      error?: { code: string; message: string };
    };
    expect(error).toMatchObject({ code: 'EVIO_STORAGE', message: expect.stringContaining(why) as string });
    expect(error?.message).toContain(home.path);
  });

  it('has an address of the network: the node says on which interface and what to do, and the doctor, too', async () => {
    const { network } = await madeNetwork(home);
    const taken = network.cidr.replace(/\.0\.0\/16$/, '.7.1');
    const line = `ip link set lo up; ip address add ${taken}/16 dev lo`;
    const { error } = JSON.parse(apart(line, 'node --json').stdout) as {
      error: { code: string; message: string; suggestions: string[] };
    };
    expect(error.code).toBe('EVIO_ADDRESS_RANGE');
    expect(error.message).toContain(`${taken} is its own, on lo`);
    expect(error.suggestions.join('\n')).toContain(`evio leave --network ${network.name}`);
    const { checks } = JSON.parse(apart(line, 'doctor --json').stdout) as {
      checks: { id: string; status: string; detail: string }[];
    };
    const range = checks.find(({ id }) => id === `range:${network.name}`);
    expect(range).toMatchObject({ status: 'fail', detail: expect.stringContaining('on lo') as string });
  });

  it('runs a network of another home that has the same addresses: the node says on which interface', async () => {
    const other = new TestHome();
    try {
      const { network } = await madeNetwork(home);
      await other.run(['init', 'other', '--cidr', network.cidr]);
      const before = `ip link set lo up; EVIO_HOME="${other.path}" "$0" "$1" node --detach --dns off >&2`;
      const after = `"$0" "$1" node --json; EVIO_HOME="${other.path}"`;
      const { stdout } = apart(`${before}; ${after} "$0" "$1" down >&2`, 'doctor --json');
      const { error } = JSON.parse(stdout.split('\n')[0] ?? '') as { error: { message: string } };
      expect(error.message).toMatch(/holds addresses that this machine uses: \S+ is its own, on evio0/);
    } finally {
      other.remove();
    }
  });

  it('gets its root key back: the node that runs uses it once that is told as it says', async () => {
    await madeNetwork(home);
    const line = `ip link set lo up; cd "$EVIO_HOME"; export EVIO_PASSPHRASE="correct horse"; evio() { "${process.execPath}" "${binary}" "$@"; }
evio root export --out key --remove; evio node --detach --dns off; evio root import key; evio root replace; evio upgrade; evio root replace`;
    const { stderr } = apart(line, 'down');
    expect(stderr).toMatch(/root import FILE, and have a node that runs here take it: \S+ upgrade$/m);
    expect(stderr).toMatch(/The node that runs here goes by it after: \S+ upgrade$/m);
    expect(stderr).toContain('The network has another root key.');
  });

  it('has room: the doctor says so, and leaves nothing behind', async () => {
    const { checks } = (await home.run(['doctor', '--json'])).json<{
      checks: { id: string; status: string }[];
    }>();
    expect(checks.find(({ id }) => id === 'storage')?.status).toBe('pass');
    expect(readdirSync(home.path).filter((name) => name.startsWith('.'))).toEqual([]);
  });
});
