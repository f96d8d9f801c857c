#!/usr/bin/env node
// The CNI plugin, as container runtimes call it: on its own, because loading the command line takes longer than the work. In CommonJS,
// because a pod waits for what loads ECMAScript modules, too.
'use strict';
const {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} = require('node:fs');
const { join } = require('node:path');
const { builtProgram } = require('./program.cjs');

/** Compiled code is kept where root alone writes: Node's own place is below /tmp, where any user could put some for root to run. */
const home = process.env.EVIO_HOME || '/var/lib/evio';
const kept = join(home, 'cache/cni');
/** Of the text of a program, at its end (scripts/program/build.mjs) and at that of what was compiled of it. */
const hashLength = 64;

/**
 * Loads the plugin from the text of its one file, by what was compiled of it before, which takes a third of the time. Whatever V8 did
 * not compile itself, for this text, it does not take.
 */
function loadText(text, filename, itsRequire) {
  const { Script } = require('node:vm');
  const hash = text.slice(-hashLength);
  let cachedData;
  try {
    const before = readFileSync(kept);
    if (before.latin1Slice(before.length - hashLength) === hash)
      cachedData = before.subarray(0, before.length - hashLength);
  } catch {
    // The first time.
  }
  const script = new Script(`(function (module, exports, require) {${text}\n})`, { filename, cachedData });
  const module_ = { exports: {} };
  script.runInThisContext()(module_, module_.exports, itsRequire);
  const isNew = cachedData === undefined || script.cachedDataRejected === true;
  return { ...module_.exports, keep: isNew ? () => keep(script.createCachedData(), hash) : undefined };
}

/** Whole or not at all, also when the machine loses its power: there is nobody to take away what makes every pod fail. */
function keep(data, hash) {
  if (!existsSync(home)) return;
  const draft = `${kept}.${process.pid}`;
  try {
    mkdirSync(join(home, 'cache'), { recursive: true, mode: 0o700 });
    const file = openSync(draft, 'w', 0o600);
    try {
      writeFileSync(file, Buffer.concat([data, Buffer.from(hash, 'latin1')]));
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(draft, kept);
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
