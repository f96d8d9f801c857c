#!/usr/bin/env node
// Entry of `evio`. What must be fast or must work on any Node comes before anything is loaded.
import { readFileSync } from 'node:fs';

// Whoever connects to V8's inspector runs code in this process, often as root. Node opens it at SIGUSR1, as long as no
// listener is in its place: this one stays for the life of the process (core/process/signals.ts reports at the signal).
process.on('SIGUSR1', () => undefined);
if (process.features.inspector) {
  const inspector = process.getBuiltinModule?.('node:inspector');
  const shut = () => {
    if (inspector?.url() === undefined) return;
    inspector.close();
    console.error(
      'evio: the inspector was open (by --inspect, NODE_OPTIONS or SIGUSR1); closed, since whoever reaches it runs code as this user.',
    );
  };
  shut();
  // A signal that came before the listener may still be on its way through Node's own thread.
  for (const ms of [0, 20, 100, 500, 2_500]) setTimeout(shut, ms).unref();
}

const argv = process.argv.slice(2);
const json = argv.includes('--json') && !argv.slice(0, argv.indexOf('--json')).includes('--');

// The list of processes shows the title instead of the arguments: a token among them is not for everybody on the machine.
const token = /evio1[^]{16,}/;
if (argv.some((word) => token.test(word)))
  process.title = ['evio', ...argv].map((word) => word.replace(token, 'evio1...')).join(' ');

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
