/**
 * `ip`, `nft` and `nsenter`, run to their end. A program of iproute2 costs 3 ms, less than loading anything that could speak
 * netlink from here; many changes are one batch.
 */
import { spawnSync } from 'node:child_process';
import { Code, CniError } from './errors.js';

/** Administration tools live in sbin, which the PATH of a runtime may lack. */
const path = [process.env['PATH'] ?? '', '/usr/local/sbin', '/usr/sbin', '/sbin', '/usr/bin', '/bin'].join(
  ':',
);
/** A program that takes longer is stuck, ms. */
const limitMs = 30_000;

/**
 * Runs a program; returns what it printed. `held` is a descriptor that the program inherits: a lock that lasts until it has
 * ended, too. Throws CniError (100) with what it said.
 */
export function run(argv: readonly [string, ...string[]], input = '', held?: number): string {
  const [program, ...args] = argv;
  const { error, status, signal, stdout, stderr } = spawnSync(program, args, {
    input,
    encoding: 'utf8',
    timeout: limitMs,
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, PATH: path },
    stdio: held === undefined ? 'pipe' : ['pipe', 'pipe', 'pipe', held],
  });
  if (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new CniError(Code.failed, missing ? `${program} is not installed` : `${program}: ${error.message}`);
  }
  if (status !== 0) throw new CniError(Code.failed, `${program} failed (${status ?? signal})`, stderr.trim());
  return stdout;
}

/** What `ip -json` says of an interface. */
export interface Link {
  readonly ifname: string;
  readonly mtu: number;
  /** Bytes of the longest super-frame that it takes whole; the kernel cuts longer ones into packets itself. */
  readonly gso_max_size: number;
  readonly flags: readonly string[];
  readonly address: string;
  /** The bridge that it is a port of. */
  readonly master?: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
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

  /** Changes, each a line of `ip -batch`, in order; the first that fails ends it. */
  change(lines: readonly string[]): void {
    this.run(['ip', '-batch', '-'], `${lines.join('\n')}\n`);
  }

  /** All interfaces with their addresses. */
  links(): readonly Link[] {
    return this.#list<Link>(['ip', '-json', '-details', 'address', 'show']).filter((link) => link.ifname);
  }

  /** The alias of an interface, a word that somebody left there. */
  alias(name: string): string | undefined {
    return this.#list<{ ifalias?: string }>(['ip', '-json', 'link', 'show', 'dev', name])[0]?.ifalias;
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
