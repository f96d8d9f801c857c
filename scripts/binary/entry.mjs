/**
 * Entry of the program of one file. Node reads neither NODE_OPTIONS nor flags here, and leaves SIGUSR1 alone (build.mjs):
 * nobody opens its inspector.
 *
 * The programs are assets (bundle.mjs), so that none is read for a question which another one answers.
 */
import { createRequire } from 'node:module';
import { getAsset } from 'node:sea';
import vm from 'node:vm';
import pjson from '../../package.json';
import {
  asksCompletion,
  asksVersion,
  holdUserSignal,
  isPlugin,
  nameProcess,
  printVersion,
  readArguments,
} from '../../bin/first.js';
import plugin from '../../bin/evio-cni.cjs';

/** Runs a module that imports nothing but what Node brings; resolves to what it exports. */
async function start(name) {
  const builtin = async (specifier) => {
    const exports = await import(specifier);
    const names = Object.keys(exports);
    const module = new vm.SyntheticModule(names, () => {
      for (const each of names) module.setExport(each, exports[each]);
    });
    return module;
  };
  const module = new vm.SourceTextModule(getAsset(name, 'utf8'), {
    identifier: 'evio',
    importModuleDynamically: (specifier) => import(specifier),
  });
  await module.link(builtin);
  await module.evaluate();
  return module.namespace;
}

holdUserSignal();
// Threads, unlike the main program, would have Node read it, and run what it names.
delete process.env.NODE_OPTIONS;
nameProcess();
const { argv, json } = readArguments();
if (isPlugin(process.argv0, argv)) {
  await plugin.run(plugin.loadText(getAsset('cni.js', 'utf8'), 'evio-cni', createRequire('/evio')));
} else if (asksVersion(argv)) {
  printVersion(pjson.version, json);
} else if (asksCompletion(argv)) {
  const { main } = await start('complete.js');
  await main(argv);
  process.exit();
} else {
  const { main } = await start('main.js');
  await main(argv, json);
}
