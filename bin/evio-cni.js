#!/usr/bin/env node
// The CNI plugin, as container runtimes call it: on its own, because loading the command line takes longer than the work.
import { existsSync, statSync } from 'node:fs';
import module from 'node:module';
import { join } from 'node:path';

// Compiled code is kept where root alone writes: Node's own place is below /tmp, where any user could put some for root to run.
const home = process.env.EVIO_HOME || '/var/lib/evio';
if (existsSync(home)) module.enableCompileCache?.(join(home, 'cache'));
const dateOf = (name) =>
  statSync(new URL(`../dist/${name}`, import.meta.url), { throwIfNoEntry: false })?.mtimeMs;
// One file, where that was built after the rest (scripts/program): a pod waits for each module that has to be found.
const isOneFile = dateOf('program/cni.js') >= dateOf('cni/main.js');
const { main } = await import(isOneFile ? '../dist/program/cni.js' : '../dist/cni/main.js');
process.exitCode = await main();
