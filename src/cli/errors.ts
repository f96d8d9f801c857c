/** How errors leave the program: one sentence and next steps on stderr, or one JSON object on stdout; one exit status. */
import { EvioError, messageOf, runAsRoot } from '../core/lib/errors.js';
import { nearest } from '../core/lib/did-you-mean.js';
import { asTyped, shellWord } from './program-name.js';
import { printable, printableLines } from '../core/lib/printable.js';

/** What oclif throws for wrong flags and arguments, or an unknown command. */
interface OclifError extends Error {
  oclif?: { exit?: number };
  parse?: unknown;
  code?: string;
}

function isUsageError(error: OclifError): boolean {
  return error.parse !== undefined || error.oclif?.exit === 2;
}

/** The text of an oclif error as one sentence. */
function sentenceOf(message: string): string {
  const lines = message
    // eslint-disable-next-line no-control-regex
    .replace(/\u001b\[[0-9;]*m/g, '')
    .split('\n')
    .map((line) => line.trim().replace(/\s+/g, ' '))
    .filter((line) => line !== '' && !line.startsWith('See more help'))
    .filter((line) => !/^The following errors? occurred:$/.test(line))
    // Advice on flags that take several values at once: ours take one each.
    .filter((line) => !/^(Note: --.* multiple values|Alternatively, you can use "--")/.test(line));
  const text = lines.join(' ');
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** What oclif says of wrong usage, in our words where its own name what nobody typed. */
function usageSentence(message: string): string {
  const text = sentenceOf(message);
  const unknown = /^command (\S+) not found\.$/.exec(text)?.[1];
  // oclif writes `token:frob` for `token frob`.
  if (unknown !== undefined) return `There is no command "${unknown.replaceAll(':', ' ')}".`;
  const missing = /^Missing 1 required arg: (\S+) (.*)$/.exec(text);
  if (missing) return `${missing[1]?.toUpperCase()} is missing: ${missing[2]}`;
  return text.replace(/^Parsing (--\S+) Expected /, '$1: expected ');
}

/** oclif writes the flag, a line break and a hint around the message of what a flag's parser throws. */
function undecorated(error: EvioError): EvioError {
  const flag = /^Parsing (--\S+)\s/.exec(error.message)?.[1];
  if (flag !== undefined)
    error.message = `${flag}: ${sentenceOf(error.message.slice(`Parsing ${flag}`.length))}`;
  return error;
}

/** Anything thrown, as an operator error. `help` is the command whose `--help` explains the usage, `commands` what there is. */
export function toEvioError(
  thrown: unknown,
  help = 'evio --help',
  commands: readonly string[] = [],
): EvioError {
  if (thrown instanceof EvioError) return undecorated(thrown);
  if (thrown instanceof Error && isUsageError(thrown)) {
    const sentence = usageSentence(thrown.message);
    const unknown = /^There is no command "(.*)"\.$/.exec(sentence)?.[1];
    const meant = unknown === undefined ? [] : nearest(unknown, commands);
    const hints = meant.map((name) => `Did you mean: evio ${name}`);
    return new EvioError('EVIO_USAGE', sentence, [...hints, `See: ${help}`], { cause: thrown });
  }
  return new EvioError(
    'EVIO_INTERNAL',
    `Something went wrong inside evio: ${messageOf(thrown)}.`,
    ['Run it again with EVIO_LOG=debug to see where, and report it.'],
    { cause: thrown },
  );
}

function wantsStack(env: NodeJS.ProcessEnv): boolean {
  return env['EVIO_LOG'] === 'debug' || env['EVIO_LOG'] === 'trace';
}

/** The command line once more, as root; without it where it has a token or a password. */
function sameAsRoot(): string {
  const words = process.argv.slice(2);
  if (words.some((word) => /evio1|:\S*@/.test(word))) return runAsRoot;
  return `Run it as root: sudo evio ${words.map(shellWord).join(' ')}`;
}

/** Prints an error and returns the exit status it asks for. */
export function presentError(
  thrown: unknown,
  json: boolean,
  help?: string,
  commands?: readonly string[],
): number {
  const error = toEvioError(thrown, help, commands);
  if (json) process.stdout.write(`${JSON.stringify(error)}\n`);
  else {
    process.stderr.write(`evio: ${printable(asTyped(sentenceOf(error.message)))}\n`);
    for (const suggestion of error.suggestions)
      process.stderr.write(
        `  - ${printableLines(asTyped(suggestion === runAsRoot ? sameAsRoot() : suggestion))}\n`,
      );
  }
  if (wantsStack(process.env)) {
    const cause = error.cause instanceof Error ? error.cause : error;
    process.stderr.write(printableLines(`${error.code}: ${cause.stack ?? cause.message}\n`));
  }
  return error.exitStatus;
}
