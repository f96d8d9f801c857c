import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { keysFromSeed } from '../../src/core/identity/keys.js';
import { toBase64Url } from '../../src/core/lib/bytes.js';
import { TestHome, binary } from './support.js';

const otherKey = toBase64Url(keysFromSeed(new Uint8Array(32).fill(7)).publicKey);

interface Listening {
  event: string;
  url: string;
  listen: string;
  key: string;
}

let relayHome: TestHome;
let home: TestHome;
let relay: ChildProcess | undefined;

beforeEach(() => {
  relayHome = new TestHome();
  home = new TestHome();
});
afterEach(async () => {
  await stopRelay();
  relayHome.remove();
  home.remove();
});

function startRelay(...args: string[]): Promise<Listening> {
  const child = spawn(process.execPath, [binary, 'relay', '--listen', '127.0.0.1:0', ...args, '--json'], {
    env: { ...relayHome.environment, EVIO_LOG: 'error' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  relay = child;
  return new Promise((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString();
      const end = text.indexOf('\n');
      if (end >= 0) resolve(JSON.parse(text.slice(0, end)) as Listening);
    });
    child.once('close', () => {
      reject(new Error(`the relay ended: ${text}`));
    });
  });
}

/** Resolves to the exit status. */
async function stopRelay(): Promise<number | null> {
  const child = relay;
  relay = undefined;
  if (!child || child.exitCode !== null) return child?.exitCode ?? null;
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  child.kill('SIGTERM');
  return ended;
}

describe('relay', () => {
  it('says where it listens, keeps its key, and ends on SIGTERM', async () => {
    const first = await startRelay();
    expect(first.event).toBe('listening');
    expect(first.url).toBe(`evio://${first.listen}#${first.key}`);
    expect(await stopRelay()).toBe(0);
    expect((await startRelay()).key).toBe(first.key);
  });

  it('says that its port is taken', async () => {
    const { listen } = await startRelay();
    const { status, error } = await home.run(['relay', '--listen', listen, '--json']);
    expect(error().code).toBe('EVIO_ADDRESS_IN_USE');
    expect(status).toBe(1);
  });

  it('is named by URL, or by HOST:PORT with the key it shows', async () => {
    const { url, listen } = await startRelay();
    for (const [name, relayText] of [
      ['one', url],
      ['two', listen],
    ] as const) {
      const outcome = await home.run(['init', name, '--relay', relayText, '--json']);
      expect(outcome.json<{ network: { relays: string[] } }>().network.relays).toEqual([listen]);
    }
  });

  it('must have the key that its URL names', async () => {
    const { listen } = await startRelay();
    const { status, error } = await home.run([
      'init',
      'home',
      '--relay',
      `evio://${listen}#${otherKey}`,
      '--json',
    ]);
    expect(error().code).toBe('EVIO_RELAY_KEY_MISMATCH');
    expect(status).toBe(1);
    expect(
      readdirSync(home.path, { recursive: true }).filter((name) => String(name).endsWith('.json')),
    ).toEqual([]);
  });

  it('serves the networks it is told to', async () => {
    const { url } = await startRelay('--allow', '0123456789abcdef');
    const { status, error } = await home.run(['init', 'home', '--relay', url, '--json']);
    expect(error().code).toBe('EVIO_RELAY_REFUSED');
    expect(status).toBe(1);
  });

  it('is examined by the doctor', async () => {
    const { url, listen } = await startRelay();
    const outcome = await home.run(['doctor', '--relay', url, '--json']);
    const { checks, verdict } = outcome.json<{
      checks: { id: string; status: string; detail: string; fix: string | null }[];
      verdict: string;
    }>();
    const statusOf = (id: string): string | undefined => checks.find((check) => check.id === id)?.status;
    expect(statusOf(`relay:${listen}`)).toBe('pass');
    expect(statusOf(`key:${listen}`)).toBe('pass');
    expect(statusOf(`clock:${listen}`)).toBe('pass');
    expect(statusOf(`udp:${listen}`)).toBe('pass');
    expect(statusOf('node')).toBe('pass');
    expect(checks.find(({ id }) => id === 'nat')).toBeDefined();
    for (const check of checks) {
      expect(check.detail).not.toBe('');
      if (check.status === 'fail') expect(check.fix).toBeTruthy();
    }
    const worst = checks.some(({ status }) => status === 'fail')
      ? 'fail'
      : checks.some(({ status }) => status === 'warn')
        ? 'warn'
        : 'pass';
    expect(verdict).toBe(worst);
    expect(outcome.status).toBe(verdict === 'fail' ? 1 : 0);
    const wrong = await home.run(['doctor', '--relay', `evio://${listen}#${otherKey}`, '--json']);
    expect(wrong.json<{ verdict: string }>().verdict).toBe('fail');
    expect(wrong.status).toBe(1);
  });

  it('is missed by the doctor when it does not run', async () => {
    const { status, stdout } = await home.run(['doctor', '--relay', '127.0.0.1:9']);
    expect(stdout).toMatch(/FAIL {2}relay:127\.0\.0\.1:9 +no answer by TCP: ECONNREFUSED\./);
    expect(status).toBe(1);
  });
});
