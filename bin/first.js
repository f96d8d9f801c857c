// What comes before anything is loaded, in `bin/run.js` and in the program of one file. Works on any Node.
import { writeFileSync } from 'node:fs';
import { basename } from 'node:path';

/** What top, pgrep and killall go by becomes `evio`; Node calls itself node-MainThread. */
export function nameProcess() {
  try {
    writeFileSync('/proc/self/comm', 'evio');
  } catch {
    // No /proc, or not ours to write.
  }
}

/** The arguments, and whether a program wants to read the answer. A token among them is taken out of the list of processes. */
export function readArguments() {
  const argv = process.argv.slice(2);
  // The list of processes shows the title instead of the arguments: a token among them is not for everybody on the machine.
  const token = /evio1[^]{16,}/;
  // So is a password in the URL of a TURN server or a proxy.
  const password = /^((?:--[a-z-]+=)?(?:turn:|https?:\/\/)?)[^@\s]*:[^\s]*@/;
  if (argv.some((word) => token.test(word) || password.test(word)))
    process.title = ['evio', ...argv]
      .map((word) => word.replace(token, 'evio1...').replace(password, '$1...@'))
      .join(' ');
  return { argv, json: argv.includes('--json') && !argv.slice(0, argv.indexOf('--json')).includes('--') };
}

/** True when nothing but the version is asked for. */
export function asksVersion(argv) {
  const words = argv.filter((word) => word !== '--json');
  return words.length === 1 && ['--version', '-v', '-V', 'version'].includes(words[0]);
}

/** True when the script of a shell asks what a person may type next (src/cli/complete.ts). */
export function asksCompletion([first]) {
  return first === '__complete';
}

export function printVersion(version, json) {
  const platform = `${process.platform}-${process.arch}`;
  const { version: node } = process;
  console.log(
    json ? JSON.stringify({ version, platform, node }) : `evio/${version} ${platform} node-${node}`,
  );
}

/** True when the program of one file is to be the plugin of container runtimes: `evio-cni`, a link to it, or `evio cni`. */
export function isPlugin(argv0, argv) {
  return basename(argv0) === 'evio-cni' || (argv.length === 1 && argv[0] === 'cni');
}

/**
 * Whoever connects to V8's inspector runs code in this process, often as root. Node opens it at SIGUSR1, as long as no
 * listener is in its place: this one stays for the life of the process (core/process/signals.ts reports at the signal).
 */
export function holdUserSignal() {
  process.on('SIGUSR1', () => undefined);
}
