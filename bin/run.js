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
  const { main, kept } = await load(() => oneFile(argv) ?? import('../dist/cli/main.js'));
  await main(argv, json, kept);
}

/** The command line. A checkout has none until it is built, and lacks packages until they are installed. */
async function load(how) {
  try {
    return await how();
  } catch (error) {
    const script = new URL('../scripts/setup.sh', import.meta.url);
    if (!/^(ERR_)?MODULE_NOT_FOUND$/.test(error.code) || !existsSync(script)) throw error;
    const message = 'This checkout of evio is not built.';
    const suggestions = [`Build it: bash ${fileURLToPath(script)}`];
    if (json) console.log(JSON.stringify({ error: { code: 'EVIO_USAGE', message, suggestions } }));
    else console.error(`evio: ${message}\n  - ${suggestions[0]}`);
    process.exit(2);
  }
}

/**
 * What runs for long, or is waited for by a machine that is being set up, starts from one file, which is faster, where there is one
 * (scripts/program). What runs for long starts from what was compiled of it before; `kept` is what to do for its next start.
 */
function oneFile(argv) {
  if (!isInFile(argv)) return undefined;
  const require = createRequire(import.meta.url);
  const { builtProgram, placeIn, runText } = require('./program.cjs');
  const filename = builtProgram('node.cjs', 'cli/main.js');
  if (filename === undefined) return undefined;
  const { confine, homePath, isLasting, levelFlags } = require('../dist/program/before.cjs');
  let place;
  if (isLasting(argv) && !isSetup(argv)) {
    // It may execute this program once more: before much is loaded, so that that is loaded once.
    confine(argv);
    levelFlags();
    place = placeIn(homePath(), argv[0] === 'join' ? 'node' : argv[0]);
  }
  const text = readFileSync(filename, 'utf8');
  const { exports: program, kept } = runText({ text, filename, place, careful: true });
  return { ...program, kept };
}

/** `evio kube init` and `evio kube install` change the machine, and end. */
function isSetup([command, word]) {
  return command === 'kube' && ['init', 'install'].includes(word);
}

function isInFile([command, ...words]) {
  // `evio relay invite`, `evio kube manifest` and their like are other commands.
  const alone = (words[0] ?? '-').startsWith('-');
  const inFile = ['node', 'join'].includes(command) || (['relay', 'kube'].includes(command) && alone);
  return (inFile || isSetup([command, ...words])) && !words.some((word) => ['--help', '-h'].includes(word));
}
