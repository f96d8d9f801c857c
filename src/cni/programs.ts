/**
 * `ip`, `nft`, `nsenter` and other plugins, run to their end. A program of iproute2 takes 3 ms; many changes are one batch, and
 * what a pod waits for is asked of the kernel (kernel/).
 */
import { accessSync, constants } from 'node:fs';
import { join } from 'node:path';
import { startChild, type Child, type Ended } from '../core/native/child.js';
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

interface Given {
  /** A descriptor that it has, too, as its descriptor 3: a lock that lasts until it has ended. */
  readonly held?: number | undefined;
  readonly env?: NodeJS.ProcessEnv;
}

/** A program that was started and waits for its input. */
class Begun {
  readonly #name: string;
  readonly #child: Child;
  #over = false;

  /** Throws CniError (100) when it is not installed. */
  constructor([program, ...args]: readonly [string, ...string[]], { held, env = process.env }: Given) {
    this.#name = program;
    const found = program.includes('/') ? program : findIn(path.split(':'), program);
    if (found === undefined) throw new CniError(Code.failed, `${program} is not installed`);
    this.#child = this.#told(() => startChild(found, args, { env: { ...env, PATH: path }, held }));
  }

  /** Gives it its input, and waits for its end, whatever that is. Throws CniError (100) when it takes longer than `ms`. */
  end(input: string, ms = limitMs): Ended {
    this.#over = true;
    return this.#told(() => this.#child.finish(input, ms));
  }

  /** The same; returns what it printed. Throws CniError (100) with what it said, too. */
  run(input: string): string {
    const { status, stdout, stderr } = this.end(input);
    if (status !== 0)
      throw new CniError(Code.failed, `${this.#name} failed (${status ?? 'a signal'})`, stderr.trim());
    return stdout;
  }

  /** Ends it where it waits still. */
  close(): void {
    if (!this.#over) this.#child.abandon();
    this.#over = true;
  }

  #told<T>(work: () => T): T {
    try {
      return work();
    } catch (thrown) {
      throw new CniError(Code.failed, `${this.#name}: ${messageOf(thrown)}`);
    }
  }
}
export type { Begun };

/** Runs a program to its end, whatever that is. Throws CniError (100) when it is not installed, or takes longer than `ms`. */
export function ended(
  argv: readonly [string, ...string[]],
  input: string,
  { ms, ...given }: Given & { readonly ms?: number },
): Ended {
  return new Begun(argv, given).end(input, ms);
}

/** Runs a program; returns what it printed. Throws CniError (100) with what it said. */
export function run(argv: readonly [string, ...string[]], input = '', held?: number): string {
  return new Begun(argv, { held }).run(input);
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

  /** Starts a program, which is given its input later: it is loaded while other work is done. Throws CniError (100). */
  begin(...argv: readonly [string, ...string[]]): Begun {
    return new Begun([...this.#enter, ...argv] as [string, ...string[]], { held: this.#held });
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
