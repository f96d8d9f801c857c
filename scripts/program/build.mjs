/**
 * Puts what runs for long, and what a machine waits for that is set up (scripts/program/node.mjs), into few files, dist/program/:
 * programs and their threads start in half the processor time then, since most of it went into finding and loading 700 modules.
 * `bin/run.js` takes these files where they are not older than the rest of dist/. The plugin that container runtimes call, once for
 * each pod (`bin/evio-cni.cjs`), is such a file, too. They do what the modules do: there is nothing in them that is not in dist/ or
 * node_modules/.
 *
 * Of programs of CommonJS what V8 compiled can be kept, with what they compiled while they ran (bin/program.cjs).
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { quick, withHash } from './plugin.mjs';

const root = new URL('../../', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));
const out = path('dist/program');

/** Threads, whose programs are looked for beside the module that starts them (compiledProgram). */
const threads = {
  worker: path('dist/core/dataplane/plane/worker.js'),
  'stack-worker': path('dist/core/userspace/stack-worker.js'),
  'forward-worker': path('dist/rendezvous/forward/forward-worker.js'),
};

/** A module that asks where it is, is told its place in dist/, but one that starts threads: these lie beside the one file. */
const places = {
  name: 'places',
  setup(b) {
    b.onLoad({ filter: /\/dist\/.*\.js$/ }, ({ path: file }) => {
      const text = readFileSync(file, 'utf8');
      if (!text.includes('import.meta.url') || text.includes('compiledProgram(')) return undefined;
      const place = `new URL(${JSON.stringify(relative(out, file))}, import.meta.url).href`;
      return { contents: text.replaceAll('import.meta.url', place), resolveDir: dirname(file) };
    });
    // What zod says of an error in fifty languages, of which none is asked for.
    b.onLoad({ filter: /\/zod\/v4\/locales\/index\.js$/ }, () => ({ contents: 'export {};' }));
    // What oclif looks for where commands are TypeScript; Ink's tools for developers.
    b.onResolve({ filter: /^(react-devtools-core|typescript)$/ }, () => ({
      path: 'none',
      namespace: 'none',
    }));
    b.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'export default {};' }));
  },
};

rmSync(out, { recursive: true, force: true });
const common = {
  absWorkingDir: path('.'),
  outdir: out,
  bundle: true,
  platform: 'node',
  target: 'node20',
  // Identifiers stay as they are, so that stacks in reports can be read. esbuild's `keepNames` would do it by naming each function
  // whenever one is made: that takes 256 bytes of it and several times as long, and was a fifth of what a node keeps of a peer.
  minifySyntax: true,
  minifyWhitespace: true,
  lineLimit: 200,
  legalComments: 'none',
  logLevel: 'error',
  plugins: [places],
  // They bring addons, which they look for beside themselves.
  external: ['koffi', 'node-datachannel'],
};
await build({
  ...common,
  entryPoints: threads,
  format: 'esm',
  // Packages of the older kind call it.
  banner: {
    js: "import { createRequire as evioRequire } from 'node:module'; const require = evioRequire(import.meta.url), __dirname = '/', __filename = '/evio';",
  },
});
/** In CommonJS, which Node loads in half the time. They have no `import()` (runText in bin/program.cjs): it becomes `require`. */
const script = {
  ...common,
  format: 'cjs',
  supported: { 'dynamic-import': false },
  outExtension: { '.js': '.cjs' },
  write: false,
};
const { outputFiles: programs } = await build({
  ...script,
  entryPoints: { node: path('scripts/program/node.mjs'), before: path('scripts/program/before.mjs') },
  define: { 'import.meta.url': 'evioPlace' },
  // No package is to look for its files beside this one.
  banner: {
    js: '"use strict"; const evioPlace = require("node:url").pathToFileURL(__filename).href; __dirname = "/"; __filename = "/evio";',
  },
});
const { outputFiles: plugin } = await build({
  ...script,
  entryPoints: { cni: path('dist/cni/main.js') },
  plugins: [quick('koffi', 'node:net'), ...common.plugins],
  external: ['node-datachannel'],
});
for (const { path: file, text } of [...programs, ...plugin]) writeFileSync(file, withHash(text));
