/** How the plugin that container runtimes call becomes one file: what a pod would wait for is left out of it. */
import { createHash } from 'node:crypto';
import { fileURLToPath } from 'node:url';

const path = (name) => fileURLToPath(new URL(name, import.meta.url));
/** What it has in the place of these modules. */
const quicker = { koffi: path('koffi.cjs'), 'node:net': path('net.cjs') };

/** For esbuild: takes the quicker ones. */
export const quick = (...names) => ({
  name: 'quick',
  setup(b) {
    for (const name of names) {
      const file = quicker[name];
      b.onResolve({ filter: new RegExp(`^${name}$`) }, ({ importer }) =>
        importer === file ? { path: name, external: true } : { path: file },
      );
    }
  },
});

/**
 * By the hash at its end bin/program.cjs knows whether what was compiled before is of this text. Regular expressions have what is no ASCII
 * as it is; Node reads a text of ASCII alone in half the time.
 */
export const withHash = (text) => {
  const ascii = text.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `${ascii}//${createHash('sha256').update(ascii).digest('hex')}`;
};
