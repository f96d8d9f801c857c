// The programs of one file in dist/program/ (scripts/program), as the entries of `evio` and of the plugin start them: from their text, and
// from what V8 compiled of it the last time instead of compiling it anew.
//
//   file   what V8 compiled | for what it was compiled (`markOf`) | where `careful`: SHA-256 of all before, hex
//
// What is taken runs in this process, often as root, and V8 looks neither whether it is whole nor who made it. So it is taken from a
// folder and a file only that are this user's or root's and nobody else may write to, and by the same Node for the very text of which it
// was made. V8 itself looks whether its flags are the same.
'use strict';
const {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
} = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { debuglog } = require('node:util');
const vm = require('node:vm');

/** Of the text of a program, at its end (scripts/program/plugin.mjs). */
const hashLength = 64;
const othersWrite = 0o022;
/** NODE_DEBUG=evio */
const tell = debuglog('evio');

/**
 * Path of such a program; `undefined` where it is not there, or older than the module of dist/ that it was made of. Who installs a
 * package writes its files in any order: dates say something in a checkout only, which has src/.
 */
function builtProgram(name, of) {
  const dateOf = (path) => statSync(join(__dirname, '..', path), { throwIfNoEntry: false })?.mtimeMs;
  const built = dateOf(join('dist/program', name));
  if (built === undefined || (dateOf('src') !== undefined && !(built >= dateOf(join('dist', of)))))
    return undefined;
  return join(__dirname, '../dist/program', name);
}

function isPrivate({ uid, mode }) {
  return (uid === process.getuid() || uid === 0) && (mode & othersWrite) === 0;
}

/** Where what was compiled of a program is kept below a home: `undefined` where others could write it. */
function placeIn(home, name) {
  try {
    if (!isPrivate(statSync(home))) return undefined;
    const folder = lstatSync(join(home, 'cache'), { throwIfNoEntry: false });
    if (folder && !(folder.isDirectory() && isPrivate(folder))) return undefined;
    return join(home, 'cache', name);
  } catch {
    // There is no home yet.
    return undefined;
  }
}

/**
 * The text, and this Node: two builds of one version may differ in what their V8 compiles, and V8 looks at its version alone. `undefined`
 * where the file of this Node cannot be seen.
 */
function markOf(text) {
  const { arch, execPath, version, versions } = process;
  try {
    const { size, mtimeMs } = statSync(execPath);
    return `\n${version} ${arch} ${versions.v8} ${size} ${mtimeMs} ${text.slice(-hashLength)}\n`;
  } catch {
    return undefined;
  }
}

const sumOf = (bytes) => require('node:crypto').createHash('sha256').update(bytes).digest('hex');

/** What is kept there, with this mark; `undefined` where there is none, or none that may be taken. */
function read(path, mark, careful) {
  let file;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = fstatSync(file);
    if (!found.isFile() || !isPrivate(found)) return undefined;
    const bytes = readFileSync(file);
    const marked = bytes.length - (careful ? hashLength : 0);
    const end = marked - mark.length;
    if (end <= 0 || bytes.latin1Slice(end, marked) !== mark) return undefined;
    if (careful && bytes.latin1Slice(marked) !== sumOf(bytes.subarray(0, marked))) return undefined;
    return bytes.subarray(0, end);
  } catch {
    // The first time, or it cannot be read.
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/** Takes the file away; `undefined` where that cannot be. */
function takeAway(path) {
  const taken = `${path}.taken`;
  try {
    renameSync(path, taken);
    return taken;
  } catch {
    return undefined;
  }
}

/**
 * Runs a program of CommonJS whose text ends with its hash, and that has no `import()`: V8 before Node 22 forgets who loads for it when
 * it takes what it compiled before. Never fails for what is kept.
 *
 * @param place where what was compiled is kept (`placeIn`), or `undefined`
 * @param careful for a program that runs for long. The disk is not trusted with what is kept: V8 would run what is damaged. And it is
 *   taken away, and put back once the program has run for a while, so that no fault of it can make a program fail twice. It takes some ms
 * @returns its exports, and `kept`, where something is to be done for the next start: `taken` is to become `path` again, or `bytes()` is
 *   to be written to it
 */
function runText({ text, filename, itsRequire = createRequire(filename), place, careful = false }) {
  const mark = place === undefined ? undefined : markOf(text);
  const from = mark === undefined ? undefined : careful ? takeAway(place) : place;
  const cachedData = from === undefined ? undefined : read(from, mark, careful);
  const wrapped = `(function (module, exports, require, __filename, __dirname) {${text}\n})`;
  const script = new vm.Script(wrapped, { filename, cachedData });
  const module_ = { exports: {} };
  script.runInThisContext()(module_, module_.exports, itsRequire, filename, dirname(filename));
  const isTaken = cachedData !== undefined && script.cachedDataRejected !== true;
  tell(isTaken ? 'takes %s' : 'compiles, and not by %s', place);
  const bytes = () => {
    const all = Buffer.concat([script.createCachedData(), Buffer.from(mark, 'latin1')]);
    return careful ? Buffer.concat([all, Buffer.from(sumOf(all), 'latin1')]) : all;
  };
  let kept;
  if (mark !== undefined && !isTaken) kept = { path: place, bytes };
  else if (isTaken && careful) kept = { path: place, taken: from };
  return { exports: module_.exports, kept };
}

module.exports = { builtProgram, placeIn, runText };
