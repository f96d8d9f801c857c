/** SIGUSR2 to programs that run on: the program on disk goes on in their place, as docs/cli.md has it. */
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hasBuild, hasRoot } from '../support/need.js';
import { TestHome, binary, madeNetwork } from './support.js';

let home: TestHome;
let child: ChildProcess;
let said: { out: string; err: string };
let successor: number | undefined;

beforeEach(() => {
  home = new TestHome();
  said = { out: '', err: '' };
  successor = undefined;
});
afterEach(() => {
  for (const pid of [child.pid, successor])
    if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(pid, 'SIGKILL');
  home.remove();
});

function start(words: readonly string[]): void {
  const [program = '', ...rest] = words;
  child = spawn(program, rest, { env: home.environment, stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout?.on('data', (chunk: Buffer) => (said.out += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => (said.err += chunk.toString()));
}

/** The process that goes on after the signal. */
async function goesOn(): Promise<number> {
  child.kill('SIGUSR2');
  await expect.poll(() => said.err, { timeout: 40_000 }).toContain('"another process goes on"');
  const line = said.err.split('\n').find((text) => text.includes('"another process goes on"')) ?? '';
  successor = (JSON.parse(line) as { pid: number }).pid;
  expect(successor).not.toBe(child.pid);
  return successor;
}

describe.runIf(hasBuild())('SIGUSR2', { timeout: 90_000 }, () => {
  it('has another process go on as the relay, at the same port', async () => {
    start([process.execPath, binary, 'relay', '--listen', '127.0.0.1:0', '--json']);
    await expect.poll(() => said.out, { timeout: 30_000 }).toContain('"listening"');
    const { listen } = JSON.parse(said.out.split('\n')[0] ?? '') as { listen: string };
    const pid = await goesOn();
    expect((await fetch(`http://${listen}/healthz`)).status).toBe(200);
    const { stdout } = await home.run(['relay', 'down', '--json']);
    expect(JSON.parse(stdout)).toEqual({ stopped: pid });
  });

  it.runIf(hasRoot())('has another process go on as the node, which answers at once', async () => {
    const { network } = await madeNetwork(home);
    start(['unshare', '--net', process.execPath, binary, 'node', '--json']);
    await expect.poll(() => said.out, { timeout: 30_000 }).toContain('"event":"started"');
    const pid = await goesOn();
    const status = (await home.run(['status', '--json'])).json<{ node: { pid: number } }>();
    expect(status.node.pid).toBe(pid);
    // One signal is one: nobody sends it once more.
    expect(said.err).not.toContain('not upgraded');
    expect((await home.run(['down', '--json'])).json()).toEqual({ stopped: [network.id] });
    await expect.poll(() => existsSync(`/proc/${pid}`), { timeout: 20_000 }).toBe(false);
  });
});
