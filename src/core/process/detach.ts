/** `--detach`: a node or a relay that outlives the command that started it. */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureFolder, type Home } from '../config/home.js';
import { storageError } from '../disk/storage-error.js';
import { writeTrial } from '../disk/trial.js';
import { ControlClient } from '../control/client.js';
import { backgroundVariable } from '../handover/variable.js';
import { errorCodes, EvioError, type ErrorCode } from '../lib/errors.js';
import { inspectorFlags, withoutInspector } from './inspector.js';
import { putAside } from './log-file.js';
import { selfArguments } from './self.js';

const lookEveryMs = 50;

export interface DetachOptions {
  readonly home: Home;
  /** Arguments after `evio node`. */
  readonly args: readonly string[];
  /** Wait for this network only; all of the home when left out. */
  readonly network?: string | undefined;
  readonly waitMs: number;
}

function openLog(home: Home, path: string): number {
  try {
    ensureFolder(home.path);
    putAside(path);
    return openSync(path, 'a', 0o600);
  } catch (thrown) {
    throw storageError(path, thrown);
  }
}

/** Why a program could not even say what it died of. */
function diskFault(home: Home): EvioError | undefined {
  try {
    writeTrial(join(home.path, `.trial-${randomUUID()}`));
    return undefined;
  } catch (thrown) {
    return storageError(home.path, thrown);
  }
}

/** The error that a node printed before it ended, from the part of the log that is its own. */
export function errorInLog(text: string): EvioError | undefined {
  for (const line of text.split('\n').reverse()) {
    if (!line.startsWith('{"error":')) continue;
    try {
      const { error } = JSON.parse(line) as {
        error: { code: string; message: string; suggestions?: string[] };
      };
      const code = Object.hasOwn(errorCodes, error.code) ? (error.code as ErrorCode) : 'EVIO_INTERNAL';
      return new EvioError(code, error.message, error.suggestions ?? []);
    } catch {
      // Cut off in the middle: look further up.
    }
  }
  return undefined;
}

/** A program of ours that outlives the command that started it. */
export interface Detached {
  readonly pid: number;
  /** What it has printed so far, on both streams: they go to the log. */
  printed(): string;
  /** Throws EvioError, the one that the program printed, once it has ended. @param who `The node` */
  check(who: string): void;
  /** The command may end now. */
  release(): void;
}

/** Starts `evio WORDS` in the background, with this log as its output. Throws EvioError EVIO_STORAGE. */
export function spawnDetached(home: Home, logPath: string, words: readonly string[]): Detached {
  const log = openLog(home, logPath);
  const from = fstatSync(log).size;
  const child = spawn(process.execPath, selfArguments(words, inspectorFlags()), {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
    env: {
      ...process.env,
      EVIO_HOME: home.path,
      [backgroundVariable]: '1',
      NODE_OPTIONS: withoutInspector(process.env['NODE_OPTIONS']),
    },
  });
  closeSync(log);
  let ended: string | undefined;
  child.once('error', (error) => (ended ??= error.message));
  child.once('exit', (status, signal) => (ended ??= signal ?? `exit status ${status}`));
  const printed = (): string => readFileSync(logPath).subarray(from).toString('utf8');
  return {
    pid: child.pid ?? 0,
    printed,
    check: (who) => {
      if (ended === undefined) return;
      throw (
        errorInLog(printed()) ??
        diskFault(home) ??
        new EvioError('EVIO_INTERNAL', `${who} ended early (${ended}).`, [`Look at its log: ${logPath}`])
      );
    },
    release: () => {
      child.removeAllListeners();
      child.unref();
    },
  };
}

/**
 * Starts `evio node` in the background and waits until it is connected.
 *
 * @returns the process id.
 * @throws EvioError of the node when it ended early; EVIO_TIMEOUT when it is not connected in time, and it runs on then.
 */
export async function startDetached({ home, args, network, waitMs }: DetachOptions): Promise<number> {
  const end = performance.now() + waitMs;
  const child = spawnDetached(home, home.log, ['node', ...args, '--json']);
  const left = (): number => end - performance.now();
  try {
    while (left() > 0) {
      child.check('The node');
      const answer = await askConnected(home, network, left()).catch(() => undefined);
      child.check('The node');
      // Another process may have come first: this one is about to end, and says why.
      if (answer?.connected === true && answer.pid === child.pid) return child.pid;
      await sleep(lookEveryMs);
    }
    throw notConnected(home, waitMs);
  } finally {
    child.release();
  }
}

/**
 * Waits until the node that runs has connected this network.
 *
 * @throws EvioError EVIO_TIMEOUT when it is not connected in time; EVIO_NOT_RUNNING
 */
export async function waitConnected(home: Home, network: string, waitMs: number): Promise<void> {
  const { connected } = await askConnected(home, network, waitMs);
  if (!connected) throw notConnected(home, waitMs);
}

function notConnected(home: Home, waitMs: number): EvioError {
  return new EvioError(
    'EVIO_TIMEOUT',
    `The node is not connected after ${waitMs / 1000} s; it runs on and keeps trying.`,
    ['See how far it is: evio status', `Look at its log: ${home.log}`, 'Stop it with: evio down'],
  );
}

/** Whether it is connected in time, and the process that says so; throws while nobody answers yet. */
async function askConnected(
  home: Home,
  network: string | undefined,
  leftMs: number,
): Promise<{ connected: boolean; pid: number }> {
  const client = await ControlClient.connect(home.controlSocket);
  try {
    const timeoutMs = Math.max(1, Math.floor(leftMs));
    const { connected } = await client.request('wait', { network, timeoutMs }, timeoutMs + 1000);
    const one = network ?? (await client.request('networks', {})).networks[0]?.id;
    const { pid } = (await client.request('status', { network: one })).node;
    return { connected, pid };
  } finally {
    client.close();
  }
}
