/** Runs the command line: oclif finds the command, everything it throws is presented once. */
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../core/lib/env.js';
import { confine, isLasting } from '../core/process/confinement.js';
import { hearUserSignal } from '../core/native/signal-mask.js';
import { keepHeapSmall } from '../core/native/v8.js';
import { keepCode } from '../core/process/kept-code.js';
import { presentError } from './errors.js';
import { bundledPlugin, type Bundle } from './bundle.js';
import { commandOf, readManifest, type Manifest } from './manifest.js';
import { answerQuickly, quickQuestion } from './quick.js';

const root = new URL('../../', import.meta.url);

/** `evio help token create` and `evio token create -h` are `evio token create --help`. */
function helpAsFlag(argv: readonly string[]): string[] {
  if (argv[0] === 'help') return [...argv.slice(1), '--help'];
  const end = argv.includes('--') ? argv.indexOf('--') : argv.length;
  return argv.map((word, i) => (word === '-h' && i < end ? '--help' : word));
}

/** A reader that went away (`evio peers | head -1`) is no error. */
function leaveQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/**
 * A user may have no entry in /etc/passwd: in a container, or made by systemd for one service. oclif would end the program when
 * it asks for home and shell of such a user.
 */
function doWithoutPasswd(): void {
  try {
    userInfo();
  } catch {
    process.env['HOME'] ??= '/';
    process.env['SHELL'] ??= '/bin/sh';
  }
}

/** Sets the exit status and ends the process once output is written. `bundle` is for the program of one file. */
export async function main(argv: readonly string[], json: boolean, bundle?: Bundle): Promise<void> {
  leaveQuietlyWithReader();
  doWithoutPasswd();
  const manifest = bundle?.manifest ?? readManifest(new URL('oclif.manifest.json', root));
  if (commandOf(manifest, argv)?.daemon === true && isLasting(argv)) {
    confine(argv);
    hearUserSignal();
    keepHeapSmall();
    if (bundle?.kept) keepCode(bundle.kept, systemClock, process.env);
  }
  const question = quickQuestion(argv, manifest);
  if (question) process.exitCode = await answerQuickly(question);
  else await dispatch(argv, json, namesOf(manifest), bundle);
  // Sockets or workers that a failed command left behind must not hold the process.
  await new Promise((resolve) => process.stdout.write('', resolve));
  process.exit();
}

/** What a person would type. */
function namesOf({ commands }: Manifest): string[] {
  return Object.values(commands)
    .filter(({ hidden }) => hidden !== true)
    .map(({ id }) => id.replaceAll(':', ' '));
}

async function dispatch(
  argv: readonly string[],
  json: boolean,
  commands: readonly string[],
  bundle?: Bundle,
): Promise<void> {
  try {
    const { settings } = await import('@oclif/core/settings');
    settings.enableAutoTranspile = false;
    const { run } = await import('@oclif/core/run');
    // evio has no plugins: oclif need not look for any in the folders of this user, which may not be readable.
    const options = { root: fileURLToPath(root), userPlugins: false, devPlugins: false };
    await run(helpAsFlag(argv), bundle ? { ...options, ...bundledPlugin(bundle, options.root) } : options);
  } catch (thrown) {
    const exit = (thrown as { oclif?: { exit?: number } }).oclif?.exit;
    // Help ends by an exception that means "exit 0".
    process.exitCode = exit === 0 ? 0 : presentError(thrown, json, undefined, commands);
  }
}
