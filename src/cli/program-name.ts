/**
 * How this program is called here, by which what people are told to type can be pasted.
 *
 * Texts write a command as `evio WORDS`, and `sudo evio WORDS` where it takes root; so does every JSON. Where a person reads
 * them, that becomes what this person has to type: the path of a program that is not in PATH, `npx evio`, with sudo or without,
 * and for the state folder in use. In double quotes a command is only named, or is for another machine, and stays as it is.
 */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { homeFrom } from '../core/config/home.js';
import { packed } from '../core/native/packed.js';
import { programFile } from '../core/process/self.js';

/** The first words of all commands. */
export const commandWords = [
  ...[
    'admin',
    'announce',
    'apply',
    'approve',
    'bridge',
    'capture',
    'completion',
    'demo',
    'dns',
    'doctor',
    'down',
  ],
  ...[
    'exit',
    'init',
    'join',
    'kube',
    'leave',
    'logs',
    'netcheck',
    'network',
    'node',
    'peers',
    'ping',
    'policy',
  ],
  ...[
    'relay',
    'report',
    'revoke',
    'root',
    'route',
    'service',
    'services',
    'set',
    'sim',
    'status',
    'token',
    'up',
  ],
  ...['upgrade', 'web', 'why'],
] as const;

/** What begins with a command's word; `no evio relay` and the like are about the thing. */
const command = new RegExp(
  String.raw`(?<![\w/.@:$"-])(?<!\b(?:an?|no|whole) )(sudo )?evio(?= (?:--help\b|(?:${commandWords.join('|')})(?![\w-])))`,
  'g',
);

/** What else messages say that root types, where a minimal system has no sudo. */
const systemCommand = /(?<![\w/-])sudo (?=(?:systemctl|rc-service|ip) )/g;

/** Folders in which sudo looks for programs, whatever PATH says (secure_path of Debian's sudoers). */
const sudoPath = new Set(
  ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin'].flatMap((folder) => [
    folder,
    real(folder),
  ]),
);

export interface Circumstances {
  readonly uid: number;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Node, or the program of one file. */
  readonly execPath: string;
  /** The file that Node runs, by the path by which it was started; undefined for the program of one file. */
  readonly script: string | undefined;
  /** State folder in use, and the one that root has by default. */
  readonly home: string;
  readonly rootHome: string;
}

export interface Calling {
  /** The program alone. */
  readonly name: string;
  /** What stands for `evio`, and for `sudo evio`. */
  readonly plain: string;
  readonly asRoot: string;
}

/** A word as the shell takes it. */
export function shellWord(word: string): string {
  return /^[\w./+:=@%,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function callingOf(here: Circumstances): Calling {
  const { words: name, needs } = program(here);
  const { uid, env } = here;
  const home = here.home === here.rootHome ? '' : `EVIO_HOME=${shellWord(here.home)} `;
  const found = needs.every((path) => path !== undefined && sudoPath.has(dirname(path)));
  const sudo = `sudo ${found ? '' : 'env "PATH=$PATH" '}${home}${name}`;
  if (uid !== 0) return { name, plain: name, asRoot: sudo };
  // Who came by sudo types in the shell of another user.
  if (env['SUDO_UID'] !== undefined && env['SUDO_UID'] !== '0') return { name, plain: sudo, asRoot: sudo };
  return { name, plain: name, asRoot: `${home}${name}` };
}

/** The words that start this program, and the files that have to be found by PATH then. */
function program({ env, execPath, script }: Circumstances): { words: string; needs: (string | undefined)[] } {
  const find = (name: string): string | undefined => inPath(name, env['PATH'] ?? '');
  const same = (path: string | undefined, other: string): boolean =>
    path !== undefined && real(path) === real(other);
  const file = script ?? execPath;
  const runner = script === undefined ? undefined : packageRunner(env, script);
  if (runner !== undefined) return { words: `${runner} evio`, needs: [find(runner.split(' ')[0] as string)] };
  const named = find('evio');
  const node = find('node');
  // A script names its interpreter by PATH.
  const needs = script === undefined ? [] : [node];
  if (script !== undefined && !same(node, execPath))
    return { words: `${shellWord(execPath)} ${shellWord(script)}`, needs: [] };
  if (same(named, file)) return { words: 'evio', needs: [named, ...needs] };
  return isExecutable(file) ? { words: shellWord(file), needs } : { words: `node ${shellWord(file)}`, needs };
}

const runners: Readonly<Record<string, string>> = {
  npm: 'npx',
  pnpm: 'pnpm exec',
  yarn: 'yarn',
  bun: 'bunx',
};

/** `npx` and its kin put the folder of a project's programs in front of PATH, which the shell of the person does not have. */
function packageRunner(env: Circumstances['env'], script: string): string | undefined {
  if (!/\/node_modules\/(?:\.bin|evio)\//.test(script)) return undefined;
  const agent = /^(npm|pnpm|yarn|bun)\//.exec(env['npm_config_user_agent'] ?? '')?.[1];
  if (agent === undefined) return undefined;
  return runners[agent];
}

function inPath(name: string, path: string): string | undefined {
  return path
    .split(delimiter)
    .filter((folder) => folder.startsWith('/'))
    .map((folder) => join(folder, name))
    .find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function circumstances(): Circumstances {
  const started = process.argv[1];
  const rootHome = homeFrom({}, 0).path;
  let home = rootHome;
  try {
    home = homeFrom().path;
  } catch {
    // There is none: what fails for it says so.
  }
  return {
    uid: process.getuid?.() ?? -1,
    env: process.env,
    execPath: process.execPath,
    script: packed
      ? undefined
      : started !== undefined && real(started) === real(programFile)
        ? started
        : programFile,
    home,
    rootHome,
  };
}

let known: Calling | undefined;

/** How this program is called here. */
export function calling(): Calling {
  return (known ??= callingOf(circumstances()));
}

/** A command line of root on another machine, where the program is taken to be called as it is here. `asTyped` would make it one of this. */
export function onOthers(words: string): string {
  return `sudo ${calling().name} ${words}`;
}

/** A text for people, with its commands as they can be pasted here. */
export function asTyped(text: string, how?: Calling): string {
  const typed = text.replace(command, (_, sudo?: string) => {
    const { plain, asRoot } = how ?? calling();
    return sudo === undefined ? plain : asRoot;
  });
  return typed.replace(systemCommand, (sudo) => ((how ?? calling()).asRoot.startsWith('sudo ') ? sudo : ''));
}
