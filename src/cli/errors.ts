/** How errors leave the program: one sentence and next steps on stderr, or one JSON object on stdout; one exit status. */
import { EvioError, messageOf } from '../core/lib/errors.js';

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
    .filter((line) => !/^The following errors? occurred:$/.test(line));
  const text = lines.join(' ');
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

/** Anything thrown, as an operator error. `help` is the command whose `--help` explains the usage. */
export function toEvioError(thrown: unknown, help = 'evio --help'): EvioError {
  if (thrown instanceof EvioError) return thrown;
  if (thrown instanceof Error && isUsageError(thrown)) {
    return new EvioError('EVIO_USAGE', sentenceOf(thrown.message), [`See: ${help}`], { cause: thrown });
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

/** Prints an error and returns the exit status it asks for. */
export function presentError(thrown: unknown, json: boolean, help?: string): number {
  const error = toEvioError(thrown, help);
  if (json) process.stdout.write(`${JSON.stringify(error)}\n`);
  else {
    process.stderr.write(`evio: ${sentenceOf(error.message)}\n`);
    for (const suggestion of error.suggestions) process.stderr.write(`  - ${suggestion}\n`);
  }
  if (wantsStack(process.env)) {
    const cause = error.cause instanceof Error ? error.cause : error;
    process.stderr.write(`${error.code}: ${cause.stack ?? cause.message}\n`);
  }
  return error.exitStatus;
}
