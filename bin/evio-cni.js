#!/usr/bin/env node
// The CNI plugin, as container runtimes call it: on its own, because loading the command line takes longer than the work.
import module from 'node:module';

module.enableCompileCache?.();
const { main } = await import('../dist/cni/main.js');
process.exitCode = await main();
