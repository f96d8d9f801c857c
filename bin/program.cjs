// The programs of one file in dist/program/ (scripts/program), as the entries of `evio` and of the plugin look for them.
'use strict';
const { statSync } = require('node:fs');
const { join } = require('node:path');

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

module.exports = { builtProgram };
