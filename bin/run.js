#!/usr/bin/env node
// Entry of `evio`. What must be fast or must work on any Node comes before anything is loaded.
import { readFileSync } from 'node:fs';

const argv = process.argv.slice(2);
const json = argv.includes('--json') && !argv.slice(0, argv.indexOf('--json')).includes('--');

const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  const message = `evio needs Node.js 20.19 or later; this is ${process.versions.node}.`;
  const suggestions = ['Install a current Node.js: https://nodejs.org'];
  if (json) console.log(JSON.stringify({ error: { code: 'EVIO_USAGE', message, suggestions } }));
  else console.error(`evio: ${message}\n  - ${suggestions[0]}`);
  process.exit(2);
}

if (argv.length === 1 && ['--version', '-v', '-V', 'version'].includes(argv[0])) {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  console.log(`evio/${version} ${process.platform}-${process.arch} node-${process.version}`);
} else {
  const { main } = await import('../dist/cli/main.js');
  await main(argv, json);
}
