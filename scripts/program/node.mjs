/** `evio node` and `evio relay` as their one file starts them. What else the command line has is in dist/, and is not asked for here. */
import { readFileSync } from 'node:fs';
import { main as run } from '../../dist/cli/main.js';

const read = (name) => JSON.parse(readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8'));

export const main = (argv, json) =>
  run(argv, json, {
    pjson: read('package.json'),
    manifest: read('oclif.manifest.json'),
    commands: {
      node: () => import('../../dist/commands/node.js'),
      relay: () => import('../../dist/commands/relay.js'),
    },
  });
