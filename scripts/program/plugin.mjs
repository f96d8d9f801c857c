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

/** By the hash at its end bin/evio-cni.cjs knows whether what was compiled before is of this text. */
export const withHash = (text) => `${text}//${createHash('sha256').update(text).digest('hex')}`;
