/** Hands a command on to another plugin (CNI specification, section 4). */
import { writeSync } from 'node:fs';
import { Code, CniError } from './errors.js';
import { ended, findIn } from './programs.js';
import { readAddresses, type Addresses } from './result.js';
import { newestCommon, type Version } from './version.js';

export type DelegatedCommand = 'ADD' | 'DEL' | 'CHECK' | 'GC' | 'STATUS';

interface Printed {
  readonly code?: number;
  readonly msg?: string;
  readonly details?: string;
  readonly supportedVersions?: readonly string[];
}

/** A plugin may have to ask over the network, ms. */
const limitMs = 60_000;

function find(name: string, folders: readonly string[]): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name))
    throw new CniError(Code.config, `ipam.type: ${JSON.stringify(name)} is no name of a plugin`);
  const path = findIn(folders, name);
  if (path === undefined)
    throw new CniError(Code.config, `the IPAM plugin ${name} is not in CNI_PATH`, folders.join(':'));
  return path;
}

/** The plugin that gives addresses. */
export class Ipam {
  readonly #name: string;
  readonly #path: string;
  readonly #held: number | undefined;

  /** Throws CniError (7) when there is no such plugin in the folders. */
  constructor(name: string, folders: readonly string[], held?: number) {
    this.#name = name;
    this.#path = find(name, folders);
    this.#held = held;
  }

  /** Throws CniError as the plugin answers, 6 for an answer that cannot be read. */
  add(config: Readonly<Record<string, unknown>>, version: Version): Addresses {
    return readAddresses(this.#negotiated('ADD', config, version), this.#name);
  }

  /** The others answer nothing. Throws as `add`. */
  do(
    command: Exclude<DelegatedCommand, 'ADD'>,
    config: Readonly<Record<string, unknown>>,
    version: Version,
  ): void {
    this.#negotiated(command, config, version);
  }

  /** Runs the plugin in the wanted version; one that is older is asked again in the newest that it speaks. */
  #negotiated(
    command: DelegatedCommand,
    config: Readonly<Record<string, unknown>>,
    wanted: Version,
  ): unknown {
    try {
      return this.#run(command, config, wanted);
    } catch (thrown) {
      // An older one knows neither the version nor the commands that came with it.
      const codes: readonly number[] = [Code.incompatibleVersion, Code.environment];
      if (!(thrown instanceof CniError) || !codes.includes(thrown.code)) throw thrown;
      const { supportedVersions = [] } = (this.#run('VERSION', config, wanted) ?? {}) as Printed;
      const common = newestCommon(supportedVersions, wanted);
      if (common === undefined || common === wanted) throw thrown;
      if (command === 'GC' || command === 'STATUS') return undefined;
      return this.#run(command, config, common);
    }
  }

  #run(
    command: DelegatedCommand | 'VERSION',
    config: Readonly<Record<string, unknown>>,
    version: Version,
  ): unknown {
    const env = { ...process.env, CNI_COMMAND: command };
    const input = JSON.stringify({ ...config, cniVersion: version });
    const { status, stdout, stderr } = ended([this.#path], input, { held: this.#held, env, ms: limitMs });
    if (stderr !== '') writeSync(2, stderr);
    let printed: unknown;
    try {
      printed = stdout.trim() === '' ? undefined : JSON.parse(stdout);
    } catch {
      throw new CniError(Code.decode, `the IPAM plugin ${this.#name} answered no JSON`, stdout.slice(0, 200));
    }
    if (status === 0) return printed;
    const { code, msg, details } = (printed ?? {}) as Printed;
    throw new CniError(code ?? Code.failed, `the IPAM plugin ${this.#name}: ${msg ?? 'failed'}`, details);
  }
}
