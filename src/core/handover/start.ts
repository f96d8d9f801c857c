/**
 * How the successor is started. Where somebody waits for this process, as its child. Where a service manager does, as the manager's:
 * systemd waits at a stop for children of its own only, and looks whose the process is in the moment in which it is told of it
 * (MAINPID=). So a shell starts it, tells its number, and is gone before the successor is told anything.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import { EvioError } from '../lib/errors.js';
import { Channel } from './channel.js';
import { handoverVariable } from './variable.js';

/** Descriptors below are standard input and outputs. */
const channelFd = 3;
const numberFd = 4;
/** Those that are inherited begin here, or later. */
export const firstFd = 4;

const asOrphan = ['/bin/sh', '-c', `"$0" "$@" ${numberFd}>&- & echo $! >&${numberFd}`] as const;

export interface StartOptions {
  /** The program of the successor: executable and words. */
  readonly command: readonly [string, ...string[]];
  readonly env: NodeJS.ProcessEnv;
  /** Descriptors that it inherits, in this order. */
  readonly fds: readonly number[];
  /** A service manager watches over this process. */
  readonly supervised: boolean;
}

export interface Successor {
  readonly pid: number;
  readonly channel: Channel;
  /** The number that the first of the descriptors has there. */
  readonly firstFd: number;
  signal(name: NodeJS.Signals): void;
  /** Resolves once it is gone: to its exit status, which of a child of others is not known. */
  readonly ended: Promise<number | undefined>;
}

/** Throws EvioError EVIO_UPGRADE where there is no shell. A program that cannot be started is one that ends at once. */
export async function startSuccessor(options: StartOptions): Promise<Successor> {
  return options.supervised ? startOrphan(options) : startChild(options);
}

function startChild({ command, env, fds }: StartOptions): Successor {
  const child = start(command, env, fds);
  const { channel } = channelOf(child);
  return {
    pid: child.pid ?? 0,
    channel,
    firstFd,
    signal: (name) => {
      child.kill(name);
    },
    ended: endOf(child),
  };
}

async function startOrphan({ command, env, fds }: StartOptions): Promise<Successor> {
  const shell = start([...asOrphan, ...command], env, ['pipe', ...fds]);
  const { channel, stream } = channelOf(shell);
  const gone = new Promise<undefined>((resolve) => {
    stream.once('close', () => {
      resolve(undefined);
    });
  });
  const [told] = await Promise.all([textOf(shell.stdio[numberFd]), endOf(shell)]);
  const pid = Number(told);
  if (!Number.isInteger(pid) || pid <= 0) {
    channel.close();
    throw new EvioError('EVIO_UPGRADE', `No other process could be started by ${asOrphan[0]}.`);
  }
  return {
    pid,
    channel,
    firstFd: numberFd + 1,
    signal: (name) => {
      // Its number may be another's then.
      if (channel.gone) return;
      try {
        process.kill(pid, name);
      } catch {
        // It has just ended.
      }
    },
    ended: gone,
  };
}

function start(
  [file, ...args]: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
  more: readonly (number | 'pipe')[],
): ChildProcess {
  // The manager's watchdog was told to this process only.
  const { WATCHDOG_PID: _pid, ...inherited } = env;
  return spawn(file, args, {
    stdio: ['ignore', 1, 2, 'pipe', ...more],
    cwd: '/',
    env: { ...inherited, [handoverVariable]: `${channelFd}` },
  });
}

function channelOf(child: ChildProcess): { channel: Channel; stream: Socket } {
  const stream = child.stdio[channelFd];
  if (!(stream instanceof Socket)) throw new EvioError('EVIO_INTERNAL', 'no channel to the successor');
  return { channel: new Channel(stream), stream };
}

/** Its exit status; 1 when a signal ended it, or it never began. */
function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      resolve(code ?? 1);
    });
    child.once('error', () => {
      resolve(1);
    });
  });
}

/** What is said until the end. */
async function textOf(stream: unknown): Promise<string> {
  if (!(stream instanceof Socket)) return '';
  let text = '';
  try {
    for await (const chunk of stream) text += String(chunk);
  } catch {
    // Nobody was there to say anything.
  }
  return text;
}
