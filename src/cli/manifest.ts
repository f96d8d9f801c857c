/** oclif.manifest.json: what the commands declare, as the build wrote it down. Read without loading oclif or a command. */
import { readFileSync } from 'node:fs';

export interface FlagShape {
  readonly name: string;
  readonly type: 'boolean' | 'option';
  /** One letter. */
  readonly char?: string;
  readonly description?: string;
  readonly options?: readonly string[];
  readonly multiple?: boolean;
  /** Where it may come from when it is not on the command line. */
  readonly env?: string;
  readonly allowNo?: boolean;
}

export interface CommandShape {
  /** Its words joined by colons: `token:create`. */
  readonly id: string;
  readonly summary?: string;
  readonly hidden?: boolean;
  readonly flags: Readonly<Record<string, FlagShape>>;
  /** It runs for long, most of the time with little to do (BaseCommand.daemon). */
  readonly daemon?: boolean;
}

export interface Manifest {
  readonly commands: Readonly<Record<string, CommandShape>>;
}

/** The manifest, or one without commands where the build made none: oclif then looks for them itself. */
export function readManifest(path: URL): Manifest {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest;
  } catch {
    return { commands: {} };
  }
}

/** The command that these words begin with, the longest there is: `token create x` begins with `token create`. */
export function commandOf({ commands }: Manifest, argv: readonly string[]): CommandShape | undefined {
  const end = argv.findIndex((word) => word.startsWith('-'));
  for (let count = end < 0 ? argv.length : end; count > 0; count--) {
    const id = argv.slice(0, count).join(':');
    if (Object.hasOwn(commands, id)) return commands[id];
  }
  return undefined;
}
