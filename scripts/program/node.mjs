/** The commands that one file starts (bin/run.js). What else the command line has is in dist/, and is not asked for here. */
import { readFileSync } from 'node:fs';
import { main as run } from '../../dist/cli/main.js';

const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));

export const main = (argv, json, kept) =>
  run(argv, json, {
    kept,
    pjson: read('package.json'),
    manifest: read('oclif.manifest.json'),
    commands: {
      node: () => import('../../dist/commands/node.js'),
      relay: () => import('../../dist/commands/relay.js'),
      join: () => import('../../dist/commands/join.js'),
      kube: () => import('../../dist/commands/kube.js'),
      'kube:init': () => import('../../dist/commands/kube/init.js'),
      'kube:install': () => import('../../dist/commands/kube/install.js'),
    },
  });
