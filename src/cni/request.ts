/** What the runtime asks: parameters in the environment, the configuration on standard input (CNI specification, section 2). */
import { isInterfaceName, namePattern, type Config } from './config.js';
import { Code, CniError } from './errors.js';
import { atLeast } from './version.js';

const commands = ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS', 'VERSION'] as const;
export type Command = (typeof commands)[number];

type Environment = Readonly<Record<string, string | undefined>>;

/** The attachment that a command is about. */
export interface Parameters {
  readonly containerId: string;
  readonly ifname: string;
  /** Path of the pod's network namespace; empty when the runtime has none any more. */
  readonly netns: string;
}

function badEnvironment(variable: string, value: string | undefined, want: string): CniError {
  return new CniError(
    Code.environment,
    value === undefined || value === ''
      ? `${variable} is not set`
      : `${variable} is ${JSON.stringify(value)}`,
    `it must be ${want}`,
  );
}

/** Throws CniError (4). */
export function commandOf(env: Environment): Command {
  const value = env['CNI_COMMAND'];
  const command = commands.find((candidate) => candidate === value);
  if (command === undefined)
    throw badEnvironment(
      'CNI_COMMAND',
      value,
      `one of ${commands.join(', ')}: container runtimes call this program`,
    );
  return command;
}

/** Folders in which delegated plugins are. */
export function pluginFolders(env: Environment): readonly string[] {
  return (env['CNI_PATH'] ?? '').split(':').filter((folder) => folder !== '');
}

/** The parameters of ADD, DEL and CHECK. Throws CniError (4). */
export function parametersOf(env: Environment, command: Command): Parameters {
  const { CNI_CONTAINERID: containerId, CNI_IFNAME: ifname, CNI_NETNS: netns = '' } = env;
  if (containerId === undefined || !namePattern.test(containerId))
    throw badEnvironment(
      'CNI_CONTAINERID',
      containerId,
      'a letter or digit, then letters, digits, ".", "_" and "-"',
    );
  if (ifname === undefined || !isInterfaceName(ifname))
    throw badEnvironment('CNI_IFNAME', ifname, 'a name of an interface');
  // It becomes a word of a batch for `ip`.
  const good = netns === '' ? command === 'DEL' : /^\/[^\s"'\\#]+$/.test(netns);
  if (!good) throw badEnvironment('CNI_NETNS', netns, 'the absolute path of a network namespace');
  return { containerId, ifname, netns };
}

/** Commands that came after 0.3.1 need a configuration of their version. Throws CniError (1). */
export function requireVersion(command: Command, { version }: Config): void {
  const since = command === 'CHECK' ? '0.4.0' : command === 'GC' || command === 'STATUS' ? '1.1.0' : '0.3.1';
  if (!atLeast(version, since))
    throw new CniError(
      Code.incompatibleVersion,
      `the configuration is of CNI ${version}, which has no ${command}`,
      `set "cniVersion": "${since}" or later`,
    );
}
