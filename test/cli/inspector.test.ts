import { spawn, type ChildProcess } from 'node:child_process';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasRoot } from '../support/need.js';
import { sleep } from '../unit/rendezvous/relay-kit.js';
import { TestHome, binary, fakeNode, madeNetwork } from './support.js';

/** Longest time in which Node opens its inspector after a signal, ms, on a busy machine too. */
const openMs = 1_000;

let home: TestHome;
let child: ChildProcess | undefined;
let said: { out: string; err: string };

beforeEach(() => {
  home = new TestHome();
  said = { out: '', err: '' };
});
afterEach(async () => {
  if (child?.exitCode === null && child.signalCode === null) {
    const ended = new Promise((resolve) => child?.once('close', resolve));
    child.kill('SIGKILL');
    await ended;
  }
  child = undefined;
  home.remove();
});

function start(args: readonly string[], env: Record<string, string> = {}, flags: readonly string[] = []) {
  const started = spawn(process.execPath, [...flags, binary, ...args], {
    env: { ...home.environment, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  started.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  started.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
  child = started;
  return started.pid as number;
}

const startRelay = (env?: Record<string, string>, flags?: readonly string[]): number =>
  start(['relay', '--listen', '127.0.0.1:0', '--json'], env, flags);

async function listening(): Promise<{ listen: string }> {
  await expect.poll(() => said.out, { timeout: 30_000, interval: 10 }).toContain('\n');
  return JSON.parse(said.out) as { listen: string };
}

/** The TCP ports on which the process itself listens, IPv4 and IPv6. */
function ports(pid: number): number[] {
  const sockets = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      } catch {
        return undefined; // Closed meanwhile.
      }
    }),
  );
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter(([, , , state, , , , , , inode]) => state === '0A' && sockets.has(inode))
      .map(([, local]) => parseInt(local?.split(':').pop() ?? '', 16)),
  );
}

/** True once the process has a handler of its own, Node's or ours, for the signal. */
function handles(pid: number, signal: number): boolean {
  const mask = /^SigCgt:\s*([0-9a-f]+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
  return ((BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n) === 1n;
}

describe('the inspector, from which whoever connects runs code in this process,', { timeout: 60_000 }, () => {
  it('is not opened in a relay by SIGUSR1, which reports instead', async () => {
    const pid = startRelay();
    const { listen } = await listening();
    child?.kill('SIGUSR1');
    await expect.poll(() => said.err, { timeout: 5_000 }).toContain('"msg":"report"');
    child?.kill('SIGUSR1');
    await sleep(openMs);
    expect(ports(pid)).toEqual([Number(listen.split(':')[1])]);
    expect(child?.exitCode).toBeNull();
    expect(said.err).not.toMatch(/debugger/i);
    expect((await fetch(`http://${listen}/healthz`)).status).toBe(200);
  });

  it('is not opened by SIGUSR1 in a command that waits', async () => {
    const server = await fakeNode(home);
    try {
      const pid = start(['status', '--watch', '--interval', '50ms', '--json']);
      await expect.poll(() => said.out, { timeout: 30_000 }).toContain('\n');
      child?.kill('SIGUSR1');
      await sleep(openMs);
      expect(ports(pid)).toEqual([]);
      expect(child?.exitCode).toBeNull();
      expect(said.err).toBe('');
    } finally {
      await server.stop();
    }
  });

  it('does not stay open when SIGUSR1 comes before the program begins', async () => {
    const pid = startRelay();
    for (const end = performance.now() + 10_000; performance.now() < end && !handles(pid, 10);)
      await sleep(0);
    expect(said.out).toBe('');
    child?.kill('SIGUSR1');
    const { listen } = await listening();
    await sleep(openMs);
    expect(ports(pid)).toEqual([Number(listen.split(':')[1])]);
    // Unless the signal came too late for it to be opened.
    if (said.err.includes('Debugger listening')) expect(said.err).toContain('evio: the inspector was open');
  });

  it.each([
    ['NODE_OPTIONS', { NODE_OPTIONS: '--inspect=127.0.0.1:0' }, []],
    ['a flag of Node', {}, ['--inspect=127.0.0.1:0']],
  ])('is closed when %s opened it', async (_, env, flags) => {
    const pid = startRelay(env, flags);
    const { listen } = await listening();
    expect(said.err).toMatch(/Debugger listening[^]*evio: the inspector was open/);
    child?.kill('SIGUSR1');
    await sleep(openMs);
    expect(ports(pid)).toEqual([Number(listen.split(':')[1])]);
  });

  describe.runIf(hasRoot())('in a node', () => {
    /** A network namespace of its own, so that its interface and addresses are nobody's. */
    const apart = ['unshare', '--net', process.execPath, binary];

    it('is not opened by SIGUSR1, which reports instead', async () => {
      await madeNetwork(home);
      const node = spawn(apart[0] as string, [...apart.slice(1), 'node', '--json'], {
        env: { ...home.environment, NODE_OPTIONS: '--inspect=127.0.0.1:0' },
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      child = node;
      node.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
      node.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
      await expect.poll(() => said.out, { timeout: 30_000 }).toContain('"event":"started"');
      node.kill('SIGUSR1');
      await expect.poll(() => said.err, { timeout: 5_000 }).toContain('"msg":"report"');
      await sleep(openMs);
      expect(ports(node.pid as number)).toEqual([]);
      expect(node.exitCode).toBeNull();
    });

    it('is never open when the node runs in the background', async () => {
      await madeNetwork(home);
      const outcome = await home.run([], {
        program: [...apart, 'node', '--detach', '--json'],
        env: { NODE_OPTIONS: '--inspect=127.0.0.1:0 --enable-source-maps' },
      });
      try {
        const { pid } = outcome.json<{ pid: number }>();
        expect(readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')).toContain(
          'NODE_OPTIONS=--enable-source-maps',
        );
        process.kill(pid, 'SIGUSR1');
        const log = (): string => readFileSync(`${home.path}/evio.log`, 'utf8');
        await expect.poll(log, { timeout: 5_000 }).toContain('"msg":"report"');
        expect(ports(pid)).toEqual([]);
        expect(log()).not.toMatch(/debugger|inspector/i);
      } finally {
        await home.run(['down']);
      }
    });
  });
});
