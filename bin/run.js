#!/usr/bin/env node
// Entry of `evio`. What must be fast or must work on any Node comes before anything is loaded.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import {
  asksCompletion,
  asksVersion,
  holdUserSignal,
  nameProcess,
  printVersion,
  readArguments,
} from './first.js';

holdUserSignal();
if (process.features.inspector) {
  const inspector = process.getBuiltinModule?.('node:inspector');
  const shut = () => {
    if (inspector?.url() === undefined) return;
    inspector.close();
    console.error(
      'evio: the inspector was open (by --inspect, NODE_OPTIONS or SIGUSR1); closed, since whoever reaches it runs code as this user.',
    );
  };
  shut();
  // A signal that came before the listener may still be on its way through Node's own thread.
  for (const ms of [0, 20, 100, 500, 2_500]) setTimeout(shut, ms).unref();
}

nameProcess();
const { argv, json } = readArguments();

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  const message = `evio needs Node.js 20.19 or later; this is ${process.versions.node}.`;
  const suggestions = ['Install a current Node.js: https://nodejs.org'];
  if (json) console.log(JSON.stringify({ error: { code: 'EVIO_USAGE', message, suggestions } }));
  else console.error(`evio: ${message}\n  - ${suggestions[0]}`);
  process.exit(2);
}

if (asksVersion(argv)) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  printVersion(version, json);
} else if (asksCompletion(argv)) {
  // Quietly: what is not built offers nothing.
  const { main } = await import('../dist/cli/complete.js').catch(() => ({ main: () => undefined }));
  await main(argv);
  process.exit();
} else {
  const oneFile = isOneFile(argv);
  if (oneFile) {
    // It may execute this program once more: before much is loaded, so that that is loaded once.
    const { confine, isLasting } = await load('../dist/program/confine.js');
    if (isLasting(argv) && !isSetup(argv)) confine(argv);
  }
  const { main } = await load(oneFile ? '../dist/program/node.js' : '../dist/cli/main.js');
  await main(argv, json);
}

/** The command line. A checkout has none until it is built, and lacks packages until they are installed. */
async function load(path) {
  try {
    return await import(path);
  } catch (error) {
    const script = new URL('../scripts/setup.sh', import.meta.url);
    if (error.code !== 'ERR_MODULE_NOT_FOUND' || !existsSync(script)) throw error;
    const message = 'This checkout of evio is not built.';
    const suggestions = [`Build it: bash ${fileURLToPath(script)}`];
    if (json) console.log(JSON.stringify({ error: { code: 'EVIO_USAGE', message, suggestions } }));
    else console.error(`evio: ${message}\n  - ${suggestions[0]}`);
    process.exit(2);
  }
}

/** `evio kube init` and `evio kube install` change the machine, and end. */
function isSetup([command, word]) {
  return command === 'kube' && ['init', 'install'].includes(word);
}

/**
 * What runs for long, or is waited for by a machine that is being set up, starts from one file, which is faster, where there is one
 * (scripts/program).
 */
function isOneFile([command, ...words]) {
  // `evio relay invite`, `evio kube manifest` and their like are other commands.
  const alone = (words[0] ?? '-').startsWith('-');
  const inFile = ['node', 'join'].includes(command) || (['relay', 'kube'].includes(command) && alone);
  if (!inFile && !isSetup([command, ...words])) return false;
  if (words.some((word) => ['--help', '-h'].includes(word))) return false;
  const { builtProgram } = createRequire(import.meta.url)('./program.cjs');
  return builtProgram('node.js', 'cli/main.js') !== undefined;
}
