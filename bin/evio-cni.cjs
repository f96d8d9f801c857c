#!/usr/bin/env node
// The CNI plugin, as container runtimes call it: on its own, because loading the command line takes longer than the work. In CommonJS,
// because a pod waits for what loads ECMAScript modules, too.
'use strict';
const { existsSync, statSync } = require('node:fs');
const { join } = require('node:path');

// Compiled code is kept where root alone writes: Node's own place is below /tmp, where any user could put some for root to run.
const home = process.env.EVIO_HOME || '/var/lib/evio';
// Node before 22 has none, and takes as long to load what would say so as a program takes to start.
if (parseInt(process.versions.node) >= 22 && existsSync(home))
  require('node:module').enableCompileCache?.(join(home, 'cache'));
const dist = join(__dirname, '../dist');
const dateOf = (name) => statSync(join(dist, name), { throwIfNoEntry: false })?.mtimeMs;
// One file, where that was built after the rest (scripts/program): a pod waits for each module that has to be found.
const isOneFile = dateOf('program/cni.cjs') >= dateOf('cni/main.js');
const load = async () => (isOneFile ? require('../dist/program/cni.cjs') : import('../dist/cni/main.js'));
load()
  .then(({ main }) => main())
  .then((status) => {
    process.exitCode = status;
  });
