/** `--detach`: a node that outlives the command that started it. */
import { spawn } from 'node:child_process';
import { closeSync, fstatSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ensureFolder, type Home } from '../config/home.js';
import { storageError } from '../disk/storage-error.js';
import { ControlClient } from '../control/client.js';
import { errorCodes, EvioError, type ErrorCode } from '../lib/errors.js';
import { backgroundVariable } from './afterwards.js';
import { inspectorFlags, withoutInspector } from './inspector.js';
import { selfArguments } from './self.js';

/** A log longer than this is put aside as evio.log.1 when a node starts, bytes. */
const maxLogLength = 5 * 1024 * 1024;
const lookEveryMs = 50;

export interface DetachOptions {
  readonly home: Home;
  /** Arguments after `evio node`. */
  readonly args: readonly string[];
  /** Wait for this network only; all of the home when left out. */
  readonly network?: string | undefined;
  readonly waitMs: number;
}

function openLog(home: Home): number {
  try {
    ensureFolder(home.path);
    if ((statSync(home.log, { throwIfNoEntry: false })?.size ?? 0) > maxLogLength)
      renameSync(home.log, `${home.log}.1`);
    return openSync(home.log, 'a', 0o600);
  } catch (thrown) {
    throw storageError(home.log, thrown);
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

/**
 * Starts `evio node` in the background and waits until it is connected.
 *
 * @returns the process id.
 * @throws EvioError of the node when it ended early; EVIO_TIMEOUT when it is not connected in time, and it runs on then.
 */
export async function startDetached({ home, args, network, waitMs }: DetachOptions): Promise<number> {
  const end = performance.now() + waitMs;
  const log = openLog(home);
  const from = fstatSync(log).size;
  const child = spawn(process.execPath, selfArguments(['node', ...args, '--json'], inspectorFlags()), {
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
  const left = (): number => end - performance.now();
  const early = (): EvioError => {
    const text = readFileSync(home.log).subarray(from).toString('utf8');
    return (
      errorInLog(text) ??
      new EvioError('EVIO_INTERNAL', `The node ended early (${ended}).`, [`Look at its log: ${home.log}`])
    );
  };
  try {
    while (left() > 0) {
      if (ended !== undefined) throw early();
      const connected = await askConnected(home, network, left()).catch(() => undefined);
      if (ended !== undefined) throw early();
      if (connected === true) return child.pid as number;
      await sleep(lookEveryMs);
    }
    throw new EvioError(
      'EVIO_TIMEOUT',
      `The node is not connected after ${waitMs / 1000} s; it runs on and keeps trying.`,
      ['See how far it is: evio status', `Look at its log: ${home.log}`, 'Stop it with: evio down'],
    );
  } finally {
    child.removeAllListeners();
    child.unref();
  }
}

/** True when connected, false when not in time; throws while nobody answers yet. */
async function askConnected(home: Home, network: string | undefined, leftMs: number): Promise<boolean> {
  const client = await ControlClient.connect(home.controlSocket);
  try {
    const timeoutMs = Math.max(1, Math.floor(leftMs));
    const { connected } = await client.request('wait', { network, timeoutMs }, timeoutMs + 1000);
    return connected;
  } finally {
    client.close();
  }
}
