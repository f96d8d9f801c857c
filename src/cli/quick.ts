/**
 * The short way for questions that scripts ask again and again: `evio status` and `evio peers` in their plain forms.
 *
 * oclif costs more than the question itself, so it is not loaded here. The manifest says which flags the command has; a
 * command line that is anything but flags which the short way can serve, once each, goes to the command
 * (src/commands/status.ts, src/commands/peers.ts), which does the same.
 */
import { homeFrom } from '../core/config/home.js';
import { ask } from '../core/control/client.js';
import type { Result } from '../core/control/methods.js';
import { logLevelFrom } from '../core/process/log-level.js';
import { printableLines } from '../core/lib/printable.js';
import { peersText, statusText } from '../views/text/status.js';
import { presentError } from './errors.js';
import { asTyped } from './program-name.js';
import { commandOf, type CommandShape, type FlagShape, type Manifest } from './manifest.js';

/** The questions, by the name of command and method, and how an answer is shown to people. */
const texts = {
  status: (result: Result<'status'>) => statusText(result),
  peers: (result: Result<'peers'>) => peersText(result.peers, result.revoked, result.self),
} as const;

/** The flags that the short way serves, with the type that it takes them to have. */
const served: Readonly<Record<string, FlagShape['type']>> = { json: 'boolean', network: 'option' };

export interface QuickQuestion {
  readonly method: keyof typeof texts;
  readonly network: string | undefined;
  readonly json: boolean;
}

/** The question that these arguments are, if they are nothing else. */
export function quickQuestion(argv: readonly string[], manifest: Manifest): QuickQuestion | undefined {
  const [method = '', ...words] = argv;
  const command = commandOf(manifest, argv);
  if (command?.id !== method || !isMethod(method)) return undefined;
  const values = plainFlags(words, command);
  if (!values || !Object.keys(values).every((name) => served[name] === command.flags[name]?.type))
    return undefined;
  const { network, json } = values;
  return { method, network: network === true ? undefined : network, json: json === true };
}

function isMethod(word: string): word is QuickQuestion['method'] {
  return Object.hasOwn(texts, word);
}

/** The values of these flags of the command, or undefined when there is anything else, or more to know about a flag. */
function plainFlags(
  words: readonly string[],
  command: CommandShape,
): Readonly<Record<string, string | true>> | undefined {
  const flags = Object.values(command.flags);
  if (flags.some(({ env }) => env !== undefined)) return undefined;
  const values: Record<string, string | true> = {};
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    const flag = flags.find(({ name, char }) => word === `--${name}` || word === `-${char}`);
    if (!flag || values[flag.name] !== undefined) return undefined;
    const value = flag.type === 'boolean' ? true : words[++i];
    if (value === undefined || (value !== true && value.startsWith('-'))) return undefined;
    values[flag.name] = value;
  }
  return values;
}

/** Asks, prints, and returns the exit status. */
export async function answerQuickly({ method, network, json }: QuickQuestion): Promise<number> {
  try {
    logLevelFrom(process.env);
    const { controlSocket } = homeFrom();
    const result = await ask(controlSocket, method, { network });
    const text = texts[method] as (result: unknown) => string;
    process.stdout.write(json ? `${JSON.stringify(result)}\n` : printableLines(asTyped(text(result))));
    return 0;
  } catch (thrown) {
    const { explained } = await import('./service-hint.js');
    return presentError(await explained(thrown), json, `evio ${method} --help`);
  }
}
