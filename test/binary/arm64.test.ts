/**
 * The image for arm64, unpacked, run by an emulator (qemu-user): relay and node with an interface are programs of that machine,
 * the other member is this machine's own.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { need } from '../support/need.js';
import { hasImage, imageFile, Layout } from './image.js';
import { architecture, hasBinary, program, tool } from './support.js';

const emulator = tool('qemu-aarch64-static');
const hasEmulator = (): boolean =>
  need('an emulator of arm64 (bash test/binary/prepare.sh)', existsSync(emulator));

describe.runIf(architecture === 'x64' && hasBinary() && hasImage() && hasEmulator())('evio for arm64', () => {
  const folder = mkdtempSync(join(tmpdir(), 'evio-arm64-'));
  const arm = [emulator, '-L', folder, join(folder, 'usr/bin/evio')];
  /** A network namespace of its own; what runs in it. */
  let holder: ChildProcess;
  const running: ChildProcess[] = [];
  beforeAll(async () => {
    const layout = new Layout(imageFile);
    layout.unpack('arm64', folder);
    layout.remove();
    holder = spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; echo ready; exec sleep 1000000'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(holder.stdout as NodeJS.ReadableStream, 'data');
  });
  afterAll(async () => {
    for (const child of [...running, holder]) {
      const ended = child.exitCode ?? child.signalCode ?? once(child, 'close');
      child.kill(child === holder ? 'SIGKILL' : 'SIGTERM');
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  const inside = (words: readonly string[]): [string, string[]] => [
    'nsenter',
    ['--target', `${holder.pid}`, '--net', ...words],
  ];
  const env = (home: string): NodeJS.ProcessEnv => ({
    ...process.env,
    EVIO_HOME: join(folder, 'homes', home),
  });
  const run = (home: string, command: readonly string[]): string => {
    const [enter, words] = inside(command);
    return execFileSync(enter, words, { encoding: 'utf8', env: env(home), timeout: 60_000 });
  };
  /** Runs until the end of the test; resolves when it has printed `event`. */
  const start = async (home: string, command: readonly string[], event: string): Promise<string> => {
    const [enter, words] = inside(command);
    const child = spawn(enter, words, { env: env(home), stdio: ['ignore', 'pipe', 'pipe'] });
    running.unshift(child);
    let [said, errors] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
    await expect.poll(() => said, { timeout: 60_000, message: errors }).toContain(`"event":"${event}"`);
    return said;
  };

  it('says its version, and that it can call what it needs', () => {
    expect(run('none', [...arm, '--version'])).toMatch(/^evio\/\S+ linux-arm64 /);
    expect(run('none', [...arm, 'join', '--help'])).toContain('EXAMPLES');
  });

  it('is relay, and a member with an interface', async () => {
    const listen = ['relay', '--listen', '127.0.0.1:3478', '--json'];
    const [url] = /evio:[^"]+/.exec(
      await start('relay', [...arm, ...listen], 'listening'),
    ) as RegExpExecArray;
    const init = ['init', 'far', '--relay', url, '--node-name', 'arm', '--json'];
    const { token } = JSON.parse(run('arm', [...arm, ...init])) as { token: string };
    await start('arm', [...arm, 'node', '--dns', 'off', '--json'], 'started');
    const join = ['join', token, '--name', 'guest', '--userspace', '--proxy', 'off', '--json'];
    const joined = await start('guest', [program, ...join], 'peer-connected');
    const [address] = /10\.144\.\d+\.\d+(?="[^}]*"mac")/.exec(joined) as RegExpExecArray;
    expect(run('guest', [program, 'ping', 'arm', '-c', '2'])).toContain('2 received');
    // By the interface of the emulated node.
    expect(run('guest', ['ping', '-c', '2', '-W', '5', address])).toContain('2 received');
  });
});
