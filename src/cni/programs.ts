/**
 * `ip`, `nft`, `nsenter` and other plugins, run to their end. A program of iproute2 takes 3 ms; many changes are one batch, and
 * what a pod waits for is asked of the kernel (kernel/).
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { runChild, type Ended } from '../core/native/child.js';
import { messageOf } from '../core/lib/errors.js';
import { Code, CniError } from './errors.js';

/** Administration tools live in sbin, which the PATH of a runtime may lack. */
const path = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].join(
  ':',
);
/** A program that takes longer is stuck, ms. */
const limitMs = 30_000;

/** Path of a program in these folders, or undefined. */
export function findIn(folders: readonly string[], name: string): string | undefined {
  return folders
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .find((candidate) => {
      try {
        accessSync(candidate, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}

/**
 * Runs a program to its end, whatever that is. `held` is a descriptor that it has, too, as its descriptor 3: a lock that lasts
 * until it has ended. Throws CniError (100) when it is not installed, or takes longer than `ms`.
 */
export function ended(
  argv: readonly [string, ...string[]],
  input: string,
  {
    held,
    env = process.env,
    ms = limitMs,
  }: { held?: number | undefined; env?: NodeJS.ProcessEnv; ms?: number },
): Ended {
  const [program, ...args] = argv;
  const found = program.includes('/') ? program : findIn(path.split(':'), program);
  if (found === undefined) throw new CniError(Code.failed, `${program} is not installed`);
  try {
    return runChild(found, args, input, { env: { ...env, PATH: path }, held, limitMs: ms });
  } catch (thrown) {
    throw new CniError(Code.failed, `${program}: ${messageOf(thrown)}`);
  }
}

/** Runs a program; returns what it printed. Throws CniError (100) with what it said. */
export function run(argv: readonly [string, ...string[]], input = '', held?: number): string {
  const { status, stdout, stderr } = ended(argv, input, { held });
  if (status !== 0)
    throw new CniError(Code.failed, `${argv[0]} failed (${status ?? 'a signal'})`, stderr.trim());
  return stdout;
}

/** Runs programs in the namespace of the plugin, or of a pod. */
export class Network {
  readonly #enter: readonly string[];
  readonly #held: number | undefined;

  private constructor(enter: readonly string[], held: number | undefined) {
    this.#enter = enter;
    this.#held = held;
  }

  /** Where the plugin was called: the node. */
  static host(held?: number): Network {
    return new Network([], held);
  }

  /** The namespace at this path. */
  static at(netns: string, held?: number): Network {
    return new Network(['nsenter', `--net=${netns}`, '--'], held);
  }

  run(argv: readonly [string, ...string[]], input?: string): string {
    return run([...this.#enter, ...argv] as [string, ...string[]], input, this.#held);
  }

  /** Destinations of all routes of a family: ranges with their lengths, single addresses without, `default`. */
  routes(family: 4 | 6): readonly string[] {
    const printed = this.#list<{ dst: string }>([
      ...(['ip', '-json', `-${family}`, 'route', 'show', 'table', 'all'] as const),
    ]);
    return printed.map(({ dst }) => dst);
  }

  #list<T>(argv: readonly [string, ...string[]]): T[] {
    const printed = this.run(argv).trim();
    return printed === '' ? [] : (JSON.parse(printed) as T[]);
  }
}
