/** `evio logs`, of a node that runs, runs no more, or never ran. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasRoot } from '../support/need.js';
import { binary, madeNetwork, TestHome } from './support.js';

interface Line {
  readonly msg: string;
  readonly network?: string;
  readonly event?: string;
}

let home: TestHome;
const children: ChildProcess[] = [];
beforeEach(() => (home = new TestHome()));
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }
  home.remove();
});

function start(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, { env: home.environment, stdio: ['ignore', 'pipe', 'pipe'] });
  children.push(child);
  return child;
}

/** Resolves once the process has printed what is wanted. */
function printed(child: ChildProcess, wanted: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      if (wanted.test(text)) resolve(text);
    });
    child.once('exit', () => {
      reject(new Error(`ended after: ${text}`));
    });
  });
}

describe.runIf(hasRoot())('the log of a node that runs', () => {
  /** In a namespace of its own, where nothing gets out. */
  async function node(): Promise<ChildProcess> {
    const child = start('unshare', ['-n', process.execPath, binary, 'node', '--json']);
    await printed(child, /"event":"ready"/);
    return child;
  }

  it('is told by the node itself, each line with its network', async () => {
    await madeNetwork(home, 'home');
    await madeNetwork(home, 'work');
    const child = start('unshare', ['-n', process.execPath, binary, 'node', '--json']);
    await printed(child, /"event":"ready"[^]*"event":"ready"/);
    const { lines, source } = (await home.run(['logs', '--json'])).json<{ lines: Line[]; source: string }>();
    expect(source).toBe('node');
    expect(
      lines
        .filter(({ msg }) => msg === 'node started')
        .map(({ network }) => network)
        .sort(),
    ).toEqual(['home', 'work']);
    const work = (await home.run(['logs', '--json', '-n', 'work'])).json<{ lines: Line[] }>().lines;
    expect(work.filter(({ msg }) => msg === 'node started')).toHaveLength(1);
    expect(work.every(({ network }) => network === undefined || network === 'work')).toBe(true);
    const { stdout } = await home.run(['logs']);
    expect(stdout).toMatch(/^\d\d:\d\d:\d\d info {2}node started {2}network=home/m);
    expect((await home.run(['logs', '--json', '-n', 'nowhere'])).error().code).toBe('EVIO_NO_NETWORK');
    expect((await home.run(['logs', '--json', '--since', '1ms'])).json<{ lines: Line[] }>().lines).toEqual(
      [],
    );
  });

  it('is followed line by line until the node ends', async () => {
    await madeNetwork(home, 'home');
    const child = await node();
    const follower = start(process.execPath, [binary, 'logs', '-f', '--json']);
    await printed(follower, /node started/);
    const report = printed(follower, /"event":"log"[^\n]*"msg":"report"/);
    process.kill(child.pid as number, 'SIGUSR1');
    await report;
    const ended = new Promise((resolve) => follower.once('exit', resolve));
    await home.run(['down']);
    expect(await ended).toBe(3);
  });
});

describe('the log of a node that runs no more', () => {
  it('is what it left in the home: lines, not events nor half lines', async () => {
    const text = [
      '2"}',
      '{"level":"info","time":"2020-11-27T01:00:00.000Z","network":"home","msg":"node started"}',
      '{"event":"ready","network":"x","peers":0}',
      'Trace: something else',
      `{"level":"warn","time":"${new Date().toISOString()}","msg":"stopping"}`,
    ].join('\n');
    writeFileSync(join(home.path, 'evio.log'), text);
    const all = (await home.run(['logs', '--json'])).json<{ lines: Line[]; source: string }>();
    expect(all.source).toBe('file');
    expect(all.lines.map(({ msg }) => msg)).toEqual(['node started', 'stopping']);
    const late = await home.run(['logs', '--json', '--since', '1h']);
    expect(late.json<{ lines: Line[] }>().lines.map(({ msg }) => msg)).toEqual(['stopping']);
  });

  it.skipIf(existsSync('/run/systemd/system'))('is none where none ever ran', async () => {
    const { status, error } = await home.run(['logs', '--json']);
    expect([status, error().code]).toEqual([3, 'EVIO_NOT_RUNNING']);
    expect((await home.run(['logs', '-f', '--json'])).status).toBe(3);
  });
});
