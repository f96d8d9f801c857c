/** What a running node holds and shows, looked at from outside: privileges, memory, ports, secrets. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, chownSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { StatusAnswer } from '../../src/core/control/schema.js';
import { hasRoot } from '../support/need.js';
import { TestHome, binary, madeNetwork, root } from './support.js';

const stranger = 12_345;
const kept = ['net_bind_service', 'net_admin', 'sys_nice'];

let homes: TestHome[];
let children: ChildProcess[];

beforeEach(() => {
  homes = [];
  children = [];
});
afterEach(async () => {
  for (const child of children) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = new Promise((resolve) => child.once('close', resolve));
    child.kill('SIGTERM');
    await ended;
  }
  for (const home of homes) home.remove();
});

function newHome(): TestHome {
  const home = new TestHome();
  homes.push(home);
  return home;
}

interface Running {
  readonly pid: number;
  readonly child: ChildProcess;
  /** Everything it printed. */
  readonly said: () => string;
}

/** Starts `evio …` and waits for its event `started` or `listening`. */
async function start(
  home: TestHome,
  args: readonly string[],
  { env = {}, input = '' }: { env?: Record<string, string>; input?: string } = {},
): Promise<Running> {
  // In a network namespace of its own, where it reaches nothing.
  const child = spawn('unshare', ['-n', '--', process.execPath, binary, ...args, '--json'], {
    env: { ...home.environment, EVIO_LOG: 'trace', ...env },
    cwd: '/',
  });
  children.push(child);
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  child.stdin.end(input);
  await expect
    .poll(() => said, { timeout: 30_000, interval: 20 })
    .toMatch(/"event":"(started|listening)"|"error":/);
  expect(said).toMatch(/"event":"(started|listening)"/);
  return { pid: child.pid as number, child, said: () => said };
}

const proc = (pid: number, file: string): string => readFileSync(`/proc/${pid}/${file}`, 'latin1');
const statusOf = async (home: TestHome): Promise<StatusAnswer> =>
  (await home.run(['status', '--json'])).json<StatusAnswer>();

/** Lines that all threads of the process have in common; fails when they differ. */
function ofAllThreads(pid: number, name: string): string {
  const values = readdirSync(`/proc/${pid}/task`).map(
    (task) => new RegExp(`^${name}:\\s*(\\S+)$`, 'm').exec(proc(pid, `task/${task}/status`))?.[1],
  );
  expect(values.length).toBeGreaterThan(5);
  expect(new Set(values).size, `${name}: ${values.join(' ')}`).toBe(1);
  return values[0] as string;
}

describe.skipIf(!hasRoot)('a node that root runs', { timeout: 120_000 }, () => {
  it('keeps three capabilities in every thread, can gain none, and leaves no core file', async () => {
    const home = newHome();
    await madeNetwork(home);
    const { pid } = await start(home, ['node']);
    const three = ((1n << 10n) | (1n << 12n) | (1n << 23n)).toString(16).padStart(16, '0');
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) expect(ofAllThreads(pid, set), set).toBe(three);
    for (const set of ['CapInh', 'CapAmb']) expect(ofAllThreads(pid, set), set).toBe('0'.repeat(16));
    expect(ofAllThreads(pid, 'NoNewPrivs')).toBe('1');
    expect(proc(pid, 'limits')).toMatch(/^Max core file size\s+0\s+0\s/m);
    const { process: told } = await statusOf(home);
    expect(told).toEqual({ capabilities: kept, noNewPrivileges: true, refusedUsers: 0 });
    const { checks } = (await home.run(['doctor', '--json'])).json<{
      checks: { id: string; status: string }[];
    }>();
    expect(checks.find(({ id }) => id === 'node-privilege')?.status).toBe('pass');
  });

  it('still serves a home that belongs to another user, by one capability more', async () => {
    const home = newHome();
    await madeNetwork(home);
    const entries = ['.', ...readdirSync(home.path, { recursive: true, encoding: 'utf8' })];
    for (const entry of entries) chownSync(join(home.path, entry), stranger, stranger);
    chmodSync(home.path, 0o700);
    await start(home, ['node']);
    expect((await statusOf(home)).process.capabilities).toEqual(['dac_override', ...kept]);
  });

  it('takes nothing from other users, though the mode of its socket was loosened', async () => {
    const home = newHome();
    await madeNetwork(home);
    await start(home, ['node']);
    const path = join(home.path, 'control.sock');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const closed = await home.run(['status', '--json'], { uid: stranger });
    expect(closed.error().code).toBe('EVIO_NO_PRIVILEGE');
    chmodSync(home.path, 0o755);
    chmodSync(path, 0o666);
    for (const command of ['status', 'peers']) {
      const { status, error } = await home.run([command, '--json'], { uid: stranger });
      expect([status, error()], command).toEqual([
        5,
        expect.objectContaining({ code: 'EVIO_NO_PRIVILEGE' }) as unknown,
      ]);
    }
    // Not by the command: it loads packages, which on some machines only their owner may read.
    const client = new URL('../../dist/core/control/client.js', import.meta.url).href;
    const down = await home.run([], {
      uid: stranger,
      program: [
        process.execPath,
        ...['--input-type=module', '-e'],
        `import { ask } from ${JSON.stringify(client)};
         for (const method of ['down', 'sessionKeys'])
           await ask(${JSON.stringify(path)}, method, {}).catch((error) => console.log(method, error.code));`,
      ],
    });
    expect(down.stdout, down.stderr).toBe('down EVIO_NO_PRIVILEGE\nsessionKeys EVIO_NO_PRIVILEGE\n');
    expect((await statusOf(home)).process.refusedUsers).toBe(4);
    expect((await home.run(['status'])).stdout).toContain('4 connections of other users');
  });

  it('listens on no TCP port, but for names at its address in the network', async () => {
    const home = newHome();
    await madeNetwork(home);
    const { pid } = await start(home, ['node']);
    const sockets = new Set(
      readdirSync(`/proc/${pid}/fd`).map((fd) => {
        try {
          return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? 'none';
        } catch {
          // Closed between the two looks.
          return 'none';
        }
      }),
    );
    const rows = (table: string): string[][] =>
      proc(pid, `net/${table}`)
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/));
    const own = (table: string): string[][] => rows(table).filter((row) => sockets.has(row[9] as string));
    // 10.144.0.0/16, port 53, in the kernel's notation; it may not listen yet.
    const names = /^[0-9A-F]{4}900A:0035$/;
    const others = [...own('tcp'), ...own('tcp6')].filter((row) => !names.test(row[1] ?? ''));
    expect(others).toEqual([]);
    // The look finds what there is.
    expect([...own('udp'), ...own('udp6')].length).toBeGreaterThan(0);
  });

  it('shows no secret to the list of processes, the log, or who asks', async () => {
    const first = newHome();
    await madeNetwork(first);
    const tokens: string[] = [];
    for (let i = 0; i < 3; i++)
      tokens.push((await first.run(['token', 'create', '--json'])).json<{ token: string }>().token);
    const [asArgument, asVariable, asInput] = tokens as [string, string, string];
    const joined = [newHome(), newHome(), newHome()] as const;
    const running = [
      await start(first, ['node']),
      await start(joined[0], ['join', asArgument, '--name', 'by-argument']),
      await start(joined[1], ['join', '--name', 'by-variable'], { env: { EVIO_TOKEN: asVariable } }),
      await start(joined[2], ['join', '-', '--name', 'by-input'], { input: asInput }),
    ];
    const secrets = [first, ...joined].flatMap((home) => secretsOf(home));
    expect(secrets.length).toBeGreaterThanOrEqual(5);
    secrets.push(...tokens.map((token) => token.slice(0, 40)));
    const seen: [string, string][] = [];
    for (const [i, { pid, child, said }] of running.entries()) {
      child.kill('SIGUSR1');
      await expect.poll(said, { timeout: 5_000 }).toContain('"msg":"report"');
      const home = [first, ...joined][i] as TestHome;
      seen.push([`what node ${i} printed`, said()]);
      for (const file of ['cmdline', 'environ', 'comm', 'status', 'stat'])
        seen.push([`${file} of node ${i}`, proc(pid, file)]);
      for (const args of [['status'], ['status', '--json'], ['peers', '--json'], ['doctor', '--json']])
        seen.push([`${args.join(' ')} of node ${i}`, (await home.run(args)).stdout]);
    }
    for (const secret of secrets)
      for (const [where, text] of seen) expect(text.includes(secret), where).toBe(false);
    // The variable was there, and only its value is gone.
    expect(proc(running[2]?.pid as number, 'environ')).toContain('EVIO_TOKEN=\0');
  });
});

/** Every secret in the profiles of a home, in the forms in which it could be printed. */
function secretsOf(home: TestHome): string[] {
  const folder = join(home.path, 'networks');
  return readdirSync(folder).flatMap((id) => {
    const profile = JSON.parse(readFileSync(join(folder, id, 'profile.json'), 'utf8')) as Record<
      string,
      unknown
    >;
    const found = ['nodeSeed', 'rootSeed', 'inviteSeed']
      .map((name) => profile[name])
      .filter((v) => typeof v === 'string');
    expect(found.length, Object.keys(profile).join(' ')).toBeGreaterThan(0);
    return found.flatMap((secret) => [secret, Buffer.from(secret, 'base64url').toString('hex')]);
  });
}

describe.skipIf(!hasRoot)('a relay that root runs', { timeout: 60_000 }, () => {
  it('gives up what it does not need, too', async () => {
    const { pid } = await start(newHome(), ['relay', '--listen', '0.0.0.0:0']);
    expect(ofAllThreads(pid, 'CapPrm')).toBe(ofAllThreads(pid, 'CapBnd'));
    expect(ofAllThreads(pid, 'NoNewPrivs')).toBe('1');
  });
});

describe.skipIf(!hasRoot)('memory that is kept private', () => {
  it('is closed to other processes of the same user', async () => {
    const program = (call: string): string[] => [
      process.execPath,
      '--input-type=module',
      '-e',
      `import { statSync } from 'node:fs';
       import { keepMemoryPrivate } from '${join(root, 'dist/core/native/capabilities.js')}';
       ${call}
       console.log(statSync('/proc/self/environ').uid);`,
    ];
    const home = newHome();
    const open = await home.run([], { program: program(''), uid: stranger });
    const shut = await home.run([], { program: program('keepMemoryPrivate();'), uid: stranger });
    expect([open.stdout.trim(), shut.stdout.trim()]).toEqual([`${stranger}`, '0']);
  });
});
