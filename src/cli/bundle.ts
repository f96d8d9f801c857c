/** The commands of the program of one file (`npm run build:binary`), where oclif finds no folder of commands to look into. */
import type { Command } from '@oclif/core/command';
import type { Interfaces } from '@oclif/core';
import type { KeptCode } from '../core/process/kept-code.js';
import type { CommandShape } from './manifest.js';

export interface Bundle {
  /** package.json. */
  readonly pjson: Interfaces.PJSON;
  /** oclif.manifest.json. */
  readonly manifest: { readonly commands: Readonly<Record<string, CommandShape>> };
  /** The module of each command, by its id; evaluated when it is first asked for. */
  readonly commands: Readonly<Record<string, () => Promise<{ default: Command.Class }>>>;
  /** What V8 compiles of it is to be kept there. */
  readonly kept?: KeptCode | undefined;
}

/** What oclif's `run` takes to find the commands in `bundle`. `root` is a path that need not be. */
export function bundledPlugin(
  { pjson, manifest, commands }: Bundle,
  root: string,
): Pick<Interfaces.Options, 'pjson' | 'plugins'> {
  const find = async (id: string): Promise<Command.Class | undefined> => {
    const command = (await commands[id]?.())?.default;
    if (command) Object.assign(command, { id, plugin });
    return command;
  };
  const loadable = Object.values(manifest.commands).map((command) => ({
    ...command,
    pluginAlias: pjson.name,
    pluginType: 'core',
    load: () => find(command.id),
  }));
  const topics = Object.entries((pjson.oclif.topics ?? {}) as Record<string, { description?: string }>);
  const plugin = {
    _base: '',
    alias: pjson.name,
    children: [],
    commandIDs: Object.keys(manifest.commands),
    commands: loadable,
    commandsDir: undefined,
    findCommand: find,
    hasManifest: true,
    hooks: {},
    isRoot: true,
    load: async () => undefined,
    moduleType: 'module',
    name: pjson.name,
    options: { root },
    pjson,
    root,
    topics: topics.map(([name, topic]) => ({ ...topic, name })),
    type: 'core',
    valid: true,
    version: pjson.version,
  };
  return { pjson, plugins: new Map([[pjson.name, plugin as unknown as Interfaces.Plugin]]) };
}
