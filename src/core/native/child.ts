/**
 * A program that is run to its end while nothing else happens here, by posix_spawn(3): it is there in a third of the time that
 * `node:child_process` takes, which copies the tables of this process's memory for it, and loads what speaks to sockets first.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { Arena } from './arena.js';
import { Errno, errnoName, libc, PollEvent, Pollfd } from './libc.js';
import { bind } from './symbols.js';
import { assignments, WordLists } from './word-lists.js';

const O_CLOEXEC = 0x8_0000;
const POSIX_SPAWN_SETSIGDEF = 4;
const SIGPIPE = 13;
const WNOHANG = 1;
/** Of `posix_spawn_file_actions_t` (80) and `posix_spawnattr_t` (336) of glibc and musl, with room. */
const opaqueBytes = 512;
const sigsetBytes = 128;
/** As much as a pipe that is ready takes without waiting (PIPE_BUF). */
const pieceBytes = 4096;
const readBytes = 65_536;
/** Between two looks whether a program has ended that has closed its outputs already, ms. */
const lookMs = 1;

export interface ChildOptions {
  readonly env: NodeJS.ProcessEnv;
  /** A descriptor of ours that it has, too, as its descriptor 3. */
  readonly held?: number | undefined;
}

export interface Ended {
  /** Exit status; undefined: a signal ended it. */
  readonly status: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Starts the program at this path, which gets its input later.
 *
 * @throws Error that says why it could not be started; EvioError EVIO_NO_NATIVE
 */
export function startChild(path: string, args: readonly string[], { env, held }: ChildOptions): Child {
  const pipes = [pipe(), pipe(), pipe()] as const;
  const [[stdin, write], [stdout, outputs], [stderr, errors]] = pipes;
  const fds = [stdin, outputs, errors, ...(held === undefined ? [] : [held])];
  try {
    return new Child(spawn(path, [path, ...args], env, fds), write, [stdout, stderr]);
  } catch (thrown) {
    for (const fd of [write, stdout, stderr]) closeSync(fd);
    throw thrown;
  } finally {
    for (const fd of [stdin, outputs, errors]) closeSync(fd);
  }
}

/** A program that runs: `finish` or `abandon` is called, once. */
export class Child {
  readonly #pid: number;
  /** Less than zero once it is closed. */
  #input: number;
  readonly #outputs: readonly [number, number];

  constructor(pid: number, input: number, outputs: readonly [number, number]) {
    this.#pid = pid;
    this.#input = input;
    this.#outputs = outputs;
  }

  /** Gives it its input, and waits for its end. Throws Error when it took longer than `limitMs`, and was killed. */
  finish(input: string, limitMs: number): Ended {
    const end = performance.now() + limitMs;
    try {
      const [stdout, stderr] = this.#exchange(Buffer.from(input), end);
      return { status: this.#wait(end), stdout, stderr };
    } catch (thrown) {
      process.kill(this.#pid, 'SIGKILL');
      this.#wait(Infinity);
      throw thrown;
    } finally {
      this.#closeInput();
      for (const fd of this.#outputs) closeSync(fd);
    }
  }

  /** Ends it: it got no input. */
  abandon(): void {
    process.kill(this.#pid, 'SIGKILL');
    this.#wait(Infinity);
    this.#closeInput();
    for (const fd of this.#outputs) closeSync(fd);
  }

  /** Writes and reads what is ready until both outputs are closed. */
  #exchange(input: Buffer, end: number): [string, string] {
    const arena = new Arena(4 * Pollfd.size);
    const chunks: [Buffer[], Buffer[]] = [[], []];
    const open = new Set<0 | 1>([0, 1]);
    let rest = input;
    for (;;) {
      if (rest.length === 0) this.#closeInput();
      if (open.size === 0) break;
      const outputs = [...open].map((i) => this.#outputs[i]);
      const ready = poll(arena, this.#input < 0 ? outputs : [...outputs, this.#input], outputs.length, end);
      if (ready.length === 0) throw new Error('it takes too long');
      if (ready.includes(this.#input)) rest = this.#write(rest);
      for (const i of [...open]) {
        if (!ready.includes(this.#outputs[i])) continue;
        const chunk = Buffer.allocUnsafe(readBytes);
        const length = readSync(this.#outputs[i], chunk);
        if (length === 0) open.delete(i);
        else chunks[i].push(chunk.subarray(0, length));
      }
    }
    return [Buffer.concat(chunks[0]).toString('utf8'), Buffer.concat(chunks[1]).toString('utf8')];
  }

  /** What is left to be written; nothing when nobody reads it. */
  #write(bytes: Buffer): Buffer {
    try {
      return bytes.subarray(writeSync(this.#input, bytes, 0, Math.min(pieceBytes, bytes.length)));
    } catch {
      return bytes.subarray(bytes.length);
    }
  }

  #closeInput(): void {
    if (this.#input >= 0) closeSync(this.#input);
    this.#input = -1;
  }

  /** Its exit status; undefined: a signal ended it. Throws Error when it takes too long. */
  #wait(end: number): number | undefined {
    const arena = new Arena(64);
    const waitpid = bind('int waitpid(int pid, uintptr_t status, int options)');
    for (;;) {
      const pid = waitpid(this.#pid, arena.base, end === Infinity ? 0 : WNOHANG);
      if (pid === this.#pid) break;
      if (pid < 0 && libc().errno() !== Errno.EINTR) return undefined;
      if (performance.now() > end) throw new Error('it takes too long');
      if (pid === 0) libc().poll(arena.base, 0, lookMs);
    }
    const status = arena.view.getUint32(0, true);
    return (status & 0x7f) === 0 ? (status >> 8) & 0xff : undefined;
  }
}

/** Both ends, reading first; none is for programs that are started. */
function pipe(): readonly [number, number] {
  const arena = new Arena(64);
  const failed = bind('int pipe2(uintptr_t pair, int flags)')(arena.base, O_CLOEXEC);
  if (failed !== 0) throw new Error(`no pipe (${errnoName(libc().errno())})`);
  return [arena.view.getInt32(0, true), arena.view.getInt32(4, true)];
}

/** @param fds become the descriptors 0, 1, 2 … of the program */
function spawn(
  path: string,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
  fds: readonly number[],
): number {
  const lists = new WordLists([words, assignments(env)]);
  const [argv = 0, environment = 0] = lists.addresses;
  const arena = new Arena(2 * opaqueBytes + sigsetBytes + 256);
  const at = (length: number): number => arena.base + arena.alloc(length);
  const [actions, attributes, pid] = [at(opaqueBytes), at(opaqueBytes), at(8)];
  const signals = arena.alloc(sigsetBytes);
  const ptr = 'uintptr_t';
  bind(`int posix_spawn_file_actions_init(${ptr} actions)`)(actions);
  bind(`int posix_spawnattr_init(${ptr} attributes)`)(attributes);
  try {
    const dup = bind(`int posix_spawn_file_actions_adddup2(${ptr} actions, int fd, int to)`);
    fds.forEach((fd, to) => dup(actions, fd, to));
    // Node ignores it, and what is ignored stays so in a program that is started.
    arena.view.setUint32(signals, 1 << (SIGPIPE - 1), true);
    bind(`int posix_spawnattr_setsigdefault(${ptr} attributes, ${ptr} set)`)(
      attributes,
      arena.base + signals,
    );
    bind(`int posix_spawnattr_setflags(${ptr} attributes, short flags)`)(attributes, POSIX_SPAWN_SETSIGDEF);
    const error = bind(
      `int posix_spawn(${ptr} pid, ${ptr} path, ${ptr} actions, ${ptr} attributes, ${ptr} argv, ${ptr} environment)`,
    )(pid, lists.first, actions, attributes, argv, environment);
    if (error !== 0) throw new Error(`${path}: ${errnoName(error)}`);
    return arena.view.getInt32(pid - arena.base, true);
  } finally {
    bind(`int posix_spawn_file_actions_destroy(${ptr} actions)`)(actions);
    bind(`int posix_spawnattr_destroy(${ptr} attributes)`)(attributes);
  }
}

/** Those that can be read, or, the one at `writes`, written without waiting, or have ended; none after `end`. */
function poll(arena: Arena, fds: readonly number[], writes: number, end: number): number[] {
  for (;;) {
    fds.forEach((fd, i) => {
      const at = i * Pollfd.size;
      arena.view.setInt32(at + Pollfd.fd, fd, true);
      arena.view.setInt16(at + Pollfd.events, i === writes ? PollEvent.out : PollEvent.in, true);
      arena.view.setInt16(at + Pollfd.revents, 0, true);
    });
    const left = Math.min(2 ** 31 - 1, Math.ceil(end - performance.now()));
    if (left <= 0) return [];
    const count = libc().poll(arena.base, fds.length, left);
    if (count < 0 && libc().errno() !== Errno.EINTR) throw new Error(`poll: ${errnoName(libc().errno())}`);
    if (count > 0)
      return fds.filter((_, i) => arena.view.getInt16(i * Pollfd.size + Pollfd.revents, true) !== 0);
  }
}
