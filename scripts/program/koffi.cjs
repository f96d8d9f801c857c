// koffi without its loaders, which read more than the plugin itself and take longer than its work. What they add are deprecated calls.
'use strict';
const { existsSync } = require('node:fs');

const { arch, platform } = process;
const named = `@koromix/koffi-${platform}-${arch}`;
/** The loader of musl, where it is installed, as the kernel calls the machine: which C library this Node has takes a look into it. */
const musl = `/lib/ld-musl-${arch === 'x64' ? 'x86_64' : 'aarch64'}.so.1`;

function load() {
  for (const name of existsSync(musl) ? [named] : [`${named}/${platform}_${arch}/koffi.node`, named]) {
    try {
      return require(name);
    } catch {
      // It lies elsewhere, and the package itself finds it.
    }
  }
  return require('koffi');
}

const koffi = load();
module.exports = koffi.default ?? koffi;
