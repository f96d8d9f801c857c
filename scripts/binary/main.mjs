/** The command line, with all its commands, as the entry of the program of one file starts it. */
import { commands } from 'evio:commands';
import { main as run } from '../../dist/cli/main.js';
import manifest from '../../oclif.manifest.json';
import pjson from '../../package.json';

export const main = (argv, json) => run(argv, json, { pjson, manifest, commands });
