#!/usr/bin/env node
// The CNI plugin, as container runtimes call it: on its own, because loading the command line takes longer than the work. In CommonJS,
// because a pod waits for what loads ECMAScript modules, too.
'use strict';
const {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} = require('node:fs');
const { dirname } = require('node:path');
const { builtProgram, placeIn, runText } = require('./program.cjs');

const home = process.env.EVIO_HOME || '/var/lib/evio';

/** Runs the plugin from the text of its one file, by what was compiled of it before, which takes a third of the time. */
function loadText(text, filename, itsRequire) {
  const { exports: plugin, kept } = runText({ text, filename, itsRequire, place: placeIn(home, 'cni') });
  return { ...plugin, keep: kept && (() => keep(kept)) };
}

/** Whole or not at all, also when the machine loses its power: there is nobody to take away what makes every pod fail. */
function keep({ path, bytes }) {
  const draft = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const file = openSync(draft, 'w', 0o600);
    try {
      writeFileSync(file, bytes());
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, path);
  } catch {
    // It is faster with, and works without.
    rmSync(draft, { force: true });
  }
}

async function load() {
  // One file: a pod waits for each module that has to be found.
  const oneFile = builtProgram('cni.cjs', 'cni/main.js');
  if (oneFile !== undefined) return loadText(readFileSync(oneFile, 'utf8'), oneFile, require);
  return import('../dist/cni/main.js');
}

async function run({ main, keep }) {
  const status = await main();
  // What a pod waits for: the rest is compiled when it is called.
  if (keep && status === 0 && process.env.CNI_COMMAND === 'ADD') keep();
  // At once: nothing is left to be done, and to take all down takes time.
  process.exit(status);
}

// The program of one file has it, too (scripts/binary/entry.mjs).
module.exports = { loadText, run };
if (require.main === module) load().then(run);
