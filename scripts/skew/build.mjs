/**
 * Makes the program of an earlier revision as npm would ship it, once, for the tests of two versions with each other
 * (npm run test:skew): ~/.cache/evio-test/skew/COMMIT/package. Prints its bin/run.js.
 *
 *   node scripts/skew/build.mjs [REVISION]
 *
 * By default the newest tag, and where there is none the tree that docs/protocol.md calls the version before.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'evio-test', 'skew');
/** Before members showed each other what they see, and before relays went on as another process. */
const before = '3a29ff1';

const say = (text) => process.stderr.write(`skew: ${text}\n`);
/** @returns what the program printed; its errors are shown */
const run = (cwd, file, ...words) =>
  execFileSync(file, words, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();

function newestTag() {
  return run(root, 'git', 'tag', '--merged', 'HEAD~1', '--sort=-creatordate').split('\n')[0];
}

function commitOf(revision) {
  try {
    return run(root, 'git', 'rev-parse', '--verify', '--short=12', `${revision}^{commit}`);
  } catch {
    say(
      `this checkout does not have ${revision}: fetch it (git fetch --unshallow --tags), or name another by EVIO_SKEW_BASE`,
    );
    process.exit(1);
  }
}

/** Packages of a tree, as its lockfile has them. */
const packagesOf = (tree) => {
  const { packages } = JSON.parse(readFileSync(join(tree, 'package-lock.json'), 'utf8'));
  return JSON.stringify(
    Object.entries(packages)
      .filter(([path]) => path !== '')
      .map(([path, { version }]) => [path, version]),
  );
};

/** Those of this checkout serve where they are the same. */
function install(tree) {
  if (packagesOf(tree) === packagesOf(root))
    symlinkSync(join(root, 'node_modules'), join(tree, 'node_modules'));
  else run(tree, 'npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund');
}

function make(commit, out) {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'making-'));
  try {
    const tree = join(work, 'tree');
    mkdirSync(tree);
    say(`making ${commit}`);
    run(root, 'git', 'archive', '--output', join(work, 'tree.tar'), commit);
    run(tree, 'tar', 'xf', '../tree.tar');
    install(tree);
    run(tree, 'npm', 'run', '--silent', 'compile');
    // What is not shipped is not tested.
    run(tree, 'npm', 'pack', '--silent', '--ignore-scripts', '--pack-destination', work);
    const [packed] = run(work, 'sh', '-c', 'ls *.tgz').split('\n');
    const made = join(work, 'made');
    mkdirSync(made);
    run(made, 'tar', 'xzf', `../${packed}`);
    renameSync(join(tree, 'node_modules'), join(made, 'node_modules'));
    rmSync(out, { recursive: true, force: true });
    renameSync(made, out);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const commit = commitOf(process.argv[2] ?? process.env.EVIO_SKEW_BASE ?? (newestTag() || before));
const out = join(cache, commit);
// Packages that were another checkout's may be gone with it.
if (!existsSync(join(out, 'package', 'dist')) || !existsSync(join(out, 'node_modules', 'koffi')))
  make(commit, out);
console.log(join(out, 'package', 'bin', 'run.js'));
