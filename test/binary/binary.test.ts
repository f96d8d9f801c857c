import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BareRoot, hasBinary, program, root } from './support.js';

const hashOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe.runIf(hasBinary())('the program of one file', () => {
  let bare: BareRoot;
  beforeAll(() => {
    bare = new BareRoot();
  });
  afterAll(() => {
    bare.remove();
  });

  it('says its version at once', () => {
    const times = Array.from({ length: 12 }, () => {
      const began = performance.now();
      expect(execFileSync(program, ['--version'], { encoding: 'utf8' })).toMatch(
        /^evio\/\d+\.\d+\.\d+ linux-/,
      );
      return performance.now() - began;
    });
    console.log(`--version: ${Math.min(...times).toFixed(0)} ms`);
    expect(Math.min(...times)).toBeLessThan(120);
  });

  it('runs in a root where there is neither Node nor a shell', () => {
    expect(bare.run(['--version']).stdout).toMatch(/^evio\//);
    expect(bare.run(['join', '--help']).stdout).toContain('EXAMPLES');
    const made = bare.run(['init', 'bare', '--json']);
    expect(JSON.parse(made.stdout)).toMatchObject({ network: { name: 'bare' } });
    expect(bare.run(['token', 'list']).stdout).toContain('valid');
    expect(bare.run(['status', '--json']).stdout).toContain('EVIO_NOT_RUNNING');
    const examined = JSON.parse(bare.run(['doctor', '--json']).stdout) as {
      checks: { id: string; status: string }[];
    };
    const status = Object.fromEntries(examined.checks.map((check) => [check.id, check.status]));
    expect(status).toMatchObject({ native: 'pass', tun: 'pass', udp: 'pass' });
    for (const shell of ['bash', 'zsh', 'fish'])
      expect(bare.run(['completion', shell]).stdout).toContain('token');
  });

  it('is the plugin of container runtimes by name and by word', () => {
    const input = JSON.stringify({ cniVersion: '1.0.0' });
    const env = { CNI_COMMAND: 'VERSION' };
    expect(bare.run(['cni'], { env, input }).stdout).toContain('supportedVersions');
    symlinkSync('evio', join(bare.path, 'usr/bin/evio-cni'));
    expect(bare.run([], { env, input, name: 'evio-cni' }).stdout).toContain('supportedVersions');
  });

  it('puts its addon where only root may write, once, and nowhere when the root cannot be written to', () => {
    const kept = join(bare.path, 'var/cache/evio');
    rmSync(kept, { recursive: true, force: true });
    const native = (readOnly: boolean): string => bare.run(['doctor', '--json'], { readOnly }).stdout;
    // In /dev/shm, and removed again.
    expect(native(true)).toMatch(/"native","status":"pass"/);
    expect(readdirSync('/dev/shm').filter((name) => name.startsWith('evio-'))).toEqual([]);
    expect(existsSync(kept)).toBe(false);
    expect(native(false)).toMatch(/"native","status":"pass"/);
    expect(readdirSync(kept)).toEqual([expect.stringMatching(/^koffi-[0-9a-f]{32}\.node$/)]);
  });

  it.each([
    ['NODE_OPTIONS', [], { NODE_OPTIONS: '--inspect=127.0.0.1:0 --require=/nowhere' }],
    ['a flag', ['--inspect=127.0.0.1:0'], {}],
    ['SIGUSR1', [], {}],
  ])('opens no inspector by %s', async (_, flags, env) => {
    const home = mkdtempSync(join(tmpdir(), 'evio-binary-'));
    const argv = [...flags, 'relay', '--listen', '127.0.0.1:0', '--json'];
    const child = spawn(program, argv, {
      env: { ...process.env, EVIO_HOME: home, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
    const ended = new Promise<void>((resolve) => child.once('close', () => resolve()));
    try {
      if (flags.length > 0) {
        await ended;
        expect(said).toContain('EVIO_USAGE');
      } else {
        await expect.poll(() => said, { timeout: 30_000 }).toContain('"listening"');
        child.kill('SIGUSR1');
        await expect.poll(() => said, { timeout: 10_000 }).toContain('"report"');
        expect(
          readdirSync(`/proc/${child.pid}/task`).map((task) =>
            readFileSync(`/proc/${child.pid}/task/${task}/comm`, 'utf8').trim(),
          ),
        ).not.toContain('SignalInspector');
      }
      // Nor do the threads read it: --require would run what it names.
      expect(said).not.toMatch(/Debugger listening|Cannot find module/);
    } finally {
      child.kill('SIGTERM');
      await ended;
      rmSync(home, { recursive: true, force: true });
    }
  });

  it(
    'shows the whole system where Node cannot be found: relay, joins, pings, throughput',
    { timeout: 240_000 },
    () => {
      // Both Nodes that the tests themselves run by are hidden; the lab's tools stay.
      const script = `set -e
for node in $(command -v node) $(command -v npx) "$1"; do mount --bind /dev/null "$node"; done
! node --version 2>/dev/null
exec "$0" demo --nodes 2 --json`;
      const { stdout, stderr, status } = spawnSync(
        'unshare',
        ['--mount', 'sh', '-c', script, program, process.execPath],
        { encoding: 'utf8', timeout: 200_000 },
      );
      expect(stderr).not.toContain('unrecognized flag');
      expect(status, stderr + stdout).toBe(0);
      const lines = stdout.trim().split('\n');
      expect(JSON.parse(lines[lines.length - 1] as string)).toMatchObject({ ok: true });
    },
  );

  it('is the same to the last byte when it is built again elsewhere', { timeout: 240_000 }, () => {
    const out = mkdtempSync(join(tmpdir(), 'evio-again-'));
    try {
      execFileSync(process.execPath, ['scripts/binary/build.mjs', `--out=${out}`], {
        cwd: root,
        env: { ...process.env, TZ: 'Asia/Tokyo', LC_ALL: 'C' },
      });
      for (const arch of ['x64', 'arm64'])
        expect(hashOf(join(out, `evio-linux-${arch}`))).toBe(hashOf(join(root, `build/evio-linux-${arch}`)));
    } finally {
      rmSync(out, { recursive: true, force: true });
    }
  });

  it('for arm64 is a program of that machine, with the addon of that machine inside', () => {
    const head = Buffer.alloc(64);
    readSync(openSync(join(root, 'build/evio-linux-arm64'), 'r'), head, 0, 64, 0);
    const EM_AARCH64 = 183;
    expect(head.subarray(0, 5)).toEqual(Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2]));
    expect(head.readUInt16LE(18)).toBe(EM_AARCH64);
    const whole = readFileSync(join(root, 'build/evio-linux-arm64'));
    // Its addon is the second ELF file in it.
    let at = 0;
    const machines: number[] = [];
    while ((at = whole.indexOf(head.subarray(0, 7), at)) >= 0) {
      machines.push(whole.readUInt16LE(at + 18));
      at += 64;
    }
    expect(machines.filter((machine) => machine === EM_AARCH64).length).toBeGreaterThanOrEqual(2);
    expect(machines).not.toContain(62);
  });
});
