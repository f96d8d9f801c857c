// The text of a program, and what V8 compiled of it the last time, which a start takes instead of compiling it anew.
//
//   file   what V8 compiled | SHA-256 of the text | SHA-256 of what V8 compiled, where `whole` is asked for; both in hex
//
// What is taken runs in this process, often as root, and V8 looks neither whether it is whole nor who made it. So it is taken from a
// folder and a file only that are this user's or root's and nobody else may write to, and for the very text of which it was made. V8
// itself looks whether it made it, in this version and with these flags.
'use strict';
const { closeSync, constants, fstatSync, lstatSync, openSync, readFileSync, statSync } = require('node:fs');
const { dirname, join } = require('node:path');
const { createRequire } = require('node:module');
const { debuglog } = require('node:util');
const vm = require('node:vm');

/** Of the text of a program, at its end (scripts/program/plugin.mjs). */
const hashLength = 64;
const othersWrite = 0o022;
/** NODE_DEBUG=evio */
const tell = debuglog('evio');

function isPrivate({ uid, mode }) {
  return (uid === process.getuid() || uid === 0) && (mode & othersWrite) === 0;
}

/**
 * Path of a program in dist/program/; `undefined` where it is not there, or older than the module of dist/ that it was made of. Who
 * installs a package writes its files in any order: dates say something in a checkout only.
 */
function builtProgram(name, of) {
  const dateOf = (path) => statSync(join(__dirname, '..', path), { throwIfNoEntry: false })?.mtimeMs;
  const built = dateOf(join('dist/program', name));
  if (built === undefined || (dateOf('src') !== undefined && !(built >= dateOf(join('dist', of)))))
    return undefined;
  return join(__dirname, '../dist/program', name);
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

const sumOf = (data) => require('node:crypto').createHash('sha256').update(data).digest('hex');

/** What is kept there for this text; `undefined` where there is none, or none that may be taken. */
function read(path, hash, whole) {
  let file;
  try {
    file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const found = fstatSync(file);
    if (!found.isFile() || !isPrivate(found)) return undefined;
    const bytes = readFileSync(file);
    const end = bytes.length - hashLength * (whole ? 2 : 1);
    if (end <= 0 || bytes.latin1Slice(end, end + hashLength) !== hash) return undefined;
    const data = bytes.subarray(0, end);
    return whole && bytes.latin1Slice(end + hashLength) !== sumOf(data) ? undefined : data;
  } catch {
    // The first time, or it cannot be read.
    return undefined;
  } finally {
    if (file !== undefined) closeSync(file);
  }
}

/**
 * Runs a program of CommonJS whose text ends with its hash. Never fails for what is kept.
 *
 * @param place where what was compiled is kept (`placeIn`), or `undefined`
 * @param whole the disk is not trusted with it, either: V8 would run what is damaged. It takes some ms
 * @returns its exports, and `kept`: what to keep, and where; `undefined` where nothing is to be kept
 */
function runText({ text, filename, itsRequire = createRequire(filename), place, whole }) {
  // A copy: a slice would keep the whole text in memory for as long as there is something to keep.
  const hash = Buffer.from(text.slice(-hashLength), 'latin1').toString('latin1');
  const cachedData = place === undefined ? undefined : read(place, hash, whole);
  const script = new vm.Script(`(function (module, exports, require, __filename, __dirname) {${text}\n})`, {
    filename,
    cachedData,
    importModuleDynamically: vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER,
  });
  const module_ = { exports: {} };
  script.runInThisContext()(module_, module_.exports, itsRequire, filename, dirname(filename));
  const taken = cachedData !== undefined && script.cachedDataRejected !== true;
  tell(taken ? 'takes %s' : 'compiles, and not by %s', place);
  const bytes = () => {
    const data = script.createCachedData();
    return Buffer.concat([data, Buffer.from(whole ? hash + sumOf(data) : hash, 'latin1')]);
  };
  return {
    exports: module_.exports,
    kept: taken || place === undefined ? undefined : { path: place, bytes },
  };
}

module.exports = { builtProgram, placeIn, runText };
