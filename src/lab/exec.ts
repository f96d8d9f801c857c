/**
 * Runs programs, in a network namespace or outside, and says clearly what failed.
 *
 * `ip netns exec NS argv…` replaces itself with argv, so the pid we hold is the program's own and signals
 * reach it. It also binds /etc/netns/NS/{hosts,resolv.conf} over /etc, which is how names resolve in the lab.
 */
import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { EvioError } from '../core/lib/errors.js';

/** Administration tools live in sbin, which an ordinary PATH leaves out. */
const searchPath = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin'].join(':');

/** Debian package of each tool the lab may call. */
const packageOf: Readonly<Record<string, string>> = {
  ip: 'iproute2',
  tc: 'iproute2',
  nft: 'nftables',
  ping: 'iputils-ping',
  iperf3: 'iperf3',
  conntrack: 'conntrack',
  ethtool: 'ethtool',
  turnserver: 'coturn',
  turnutils_stunclient: 'coturn',
};

/** Absolute path of a program, or undefined when PATH and the sbin folders do not have it. */
export function findProgram(name: string): string | undefined {
  if (name.includes('/')) return existsSync(name) ? name : undefined;
  return searchPath
    .split(':')
    .filter((dir) => dir !== '')
    .map((dir) => join(dir, name))
    .find((path) => existsSync(path));
}

/** Throws EVIO_LAB naming the Debian packages of the programs that are missing. */
export function requirePrograms(...names: readonly string[]): void {
  const missing = names.filter((name) => findProgram(name) === undefined);
  if (missing.length === 0) return;
  const packages = [...new Set(missing.map((name) => packageOf[name] ?? name))];
  throw new EvioError('EVIO_LAB', `The network lab needs ${missing.join(', ')}, which this machine lacks.`, [
    `apt-get install ${packages.join(' ')}`,
  ]);
}

export interface RunOptions {
  /** Network namespace to run in; the current one when absent. */
  readonly ns?: string | undefined;
  /** Written to standard input, which is then closed. */
  readonly input?: string;
  /** SIGKILL after this long; default 30 s. */
  readonly timeoutMs?: number;
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Resolve with the status instead of throwing when it is not 0. */
  readonly allowFailure?: boolean;
  readonly signal?: AbortSignal | undefined;
}

export interface RunResult {
  /** Exit status; 128 + n when a signal ended it. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

function wrap(argv: readonly string[], ns: string | undefined): [string, string[]] {
  const [program = '', ...rest] = argv;
  const path = findProgram(program);
  if (path === undefined) requirePrograms(program);
  return ns === undefined
    ? [path ?? program, rest]
    : [findProgram('ip') ?? 'ip', ['netns', 'exec', ns, path ?? program, ...rest]];
}

/** In a namespace nobody is reached whom the authorities of this machine vouch for, and Node reads them all at each start: 60 to 80 ms. */
function environment({ ns, env }: RunOptions): NodeJS.ProcessEnv {
  const authorities = ns === undefined ? {} : { NODE_EXTRA_CA_CERTS: undefined };
  return { ...process.env, PATH: searchPath, ...authorities, ...env };
}

function failure(argv: readonly string[], options: RunOptions, result: RunResult, why: string): EvioError {
  const where = options.ns === undefined ? '' : ` in ${options.ns}`;
  const said = (result.stderr.trim() || result.stdout.trim())
    .split('\n')
    .slice(0, 6)
    .join(' | ')
    .slice(0, 600);
  const command = argv.join(' ').slice(0, 160);
  return new EvioError('EVIO_LAB', `\`${command}\`${where} ${why}${said === '' ? '' : `: ${said}`}`);
}

/** Runs a program to its end. Throws EVIO_LAB with what it printed, unless `allowFailure`. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  const [program, args] = wrap(argv, options.ns);
  options.signal?.throwIfAborted();
  const child = spawn(program, args, { env: environment(options), cwd: options.cwd, stdio: 'pipe' });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
  child.stdin.on('error', () => undefined);
  child.stdin.end(options.input ?? '');
  const timeoutMs = options.timeoutMs ?? 30_000;
  let ended: string | undefined;
  const end = (why: string): void => {
    ended ??= why;
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => {
    end(`took longer than ${timeoutMs} ms`);
  }, timeoutMs);
  const onAbort = (): void => {
    end('was aborted');
  };
  options.signal?.addEventListener('abort', onAbort, { once: true });
  try {
    const status = await new Promise<number>((resolve, reject) => {
      child.once('error', (thrown) => {
        reject(
          failure(argv, options, { status: 1, stdout: '', stderr: thrown.message }, 'could not be started'),
        );
      });
      child.once('close', (code, signal) => {
        resolve(code ?? (signal === null ? 1 : 128 + 9));
      });
    });
    options.signal?.throwIfAborted();
    const result = { status, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() };
    if (ended !== undefined) throw failure(argv, options, result, ended);
    if (status !== 0 && options.allowFailure !== true)
      throw failure(argv, options, result, `failed with status ${status}`);
    return result;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', onAbort);
  }
}

/** Like `run`, but blocks: for tear-down while the process is exiting. Never throws. */
export function runSync(argv: readonly string[], options: RunOptions = {}): RunResult {
  try {
    const [program, args] = wrap(argv, options.ns);
    const done = spawnSync(program, args, {
      env: environment(options),
      input: options.input ?? '',
      timeout: options.timeoutMs ?? 10_000,
      encoding: 'utf8',
    });
    return { status: done.status ?? 1, stdout: done.stdout ?? '', stderr: done.stderr ?? '' };
  } catch (thrown) {
    return { status: 1, stdout: '', stderr: String(thrown) };
  }
}

/** Runs a shell script (`sh -e`) in a namespace: one process for many sysctl, `ip -batch` and nft lines. */
export async function shell(ns: string | undefined, script: string): Promise<string> {
  try {
    return (await run(['sh', '-e', '-s'], { ns, input: script })).stdout;
  } catch (thrown) {
    if (!(thrown instanceof EvioError)) throw thrown;
    throw new EvioError(thrown.code, thrown.message, thrown.suggestions, { cause: script });
  }
}

export interface LaunchOptions {
  readonly ns?: string | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Called with every line of either stream, as it comes. */
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

/** Lines kept per stream, so that a chatty process cannot fill the memory. */
const keptLines = 20_000;

/** A program that runs until told to stop. Its output is kept by line. */
export class LabProcess {
  readonly argv: readonly string[];
  readonly pid: number;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Resolves with the exit status (128 + 9 when a signal ended it). Never rejects. */
  readonly exited: Promise<number>;
  #child: ChildProcessByStdio<Writable, Readable, Readable>;
  #status: number | undefined;
  #listeners = new Set<() => void>();

  constructor(argv: readonly string[], options: LaunchOptions = {}) {
    this.argv = argv;
    const [program, args] = wrap(argv, options.ns);
    const child = spawn(program, args, { env: environment(options), cwd: options.cwd, stdio: 'pipe' });
    this.#child = child;
    child.stdin.on('error', () => undefined);
    this.pid = child.pid ?? -1;
    this.#collect(child.stdout, 'stdout', options.onLine);
    this.#collect(child.stderr, 'stderr', options.onLine);
    this.exited = new Promise((resolve) => {
      const finish = (status: number): void => {
        this.#status ??= status;
        resolve(this.#status);
        this.#wake();
      };
      child.once('error', (thrown) => {
        this.stderr.push(thrown.message);
        finish(1);
      });
      child.once('close', (code) => {
        finish(code ?? 128 + 9);
      });
    });
  }

  #collect(stream: Readable, name: 'stdout' | 'stderr', onLine: LaunchOptions['onLine']): void {
    let rest = '';
    const push = (line: string): void => {
      const lines = this[name];
      lines.push(line);
      if (lines.length > keptLines) lines.splice(0, keptLines / 2);
      onLine?.(line, name);
    };
    stream.setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(push);
      this.#wake();
    });
    stream.on('end', () => {
      if (rest !== '') push(rest);
      this.#wake();
    });
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }

  /** Exit status, or undefined while it runs. */
  get status(): number | undefined {
    return this.#status;
  }

  get running(): boolean {
    return this.#status === undefined;
  }

  /** Writes a line to its standard input. */
  write(line: string): void {
    this.#child.stdin.write(`${line}\n`);
  }

  /**
   * Resolves with the first line (of either stream, already printed or still to come) for which `match` holds.
   * Throws EVIO_LAB with the tail of the output when the program ends or `timeoutMs` passes first.
   */
  async line(
    match: RegExp | ((line: string) => boolean),
    timeoutMs = 10_000,
    signal?: AbortSignal,
  ): Promise<string> {
    const holds = typeof match === 'function' ? match : (line: string) => match.test(line);
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      signal?.throwIfAborted();
      const found = this.stdout.find(holds) ?? this.stderr.find(holds);
      if (found !== undefined) return found;
      const left = deadline - performance.now();
      if (!this.running || left <= 0) {
        const why = this.running ? `did not print the expected line in ${timeoutMs} ms` : 'ended early';
        throw failure(this.argv, {}, { status: this.#status ?? 0, stdout: '', stderr: this.tail() }, why);
      }
      await this.#change(left, signal);
    }
  }

  /** Resolves at the next output or exit, or after `ms`. */
  #change(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#listeners.delete(done);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#listeners.add(done);
      signal?.addEventListener('abort', done, { once: true });
    });
  }

  /** Last lines of both streams, for error messages. */
  tail(lines = 6): string {
    return [...this.stdout.slice(-lines), ...this.stderr.slice(-lines)].join('\n');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** SIGTERM, then SIGKILL after `graceMs`. Resolves with the exit status; harmless when it already ended. */
  async stop(graceMs = 5_000): Promise<number> {
    if (!this.running) return this.exited;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    try {
      return await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }
}

/** Resolves after `ms`, or rejects with the signal's reason. */
export function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const onAbort = (): void => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    }, ms);
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
