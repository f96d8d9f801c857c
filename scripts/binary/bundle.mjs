/** Puts everything that a program of evio imports into one text: the entry, what it starts, and each kind of thread. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { quick, withHash } from '../program/plugin.mjs';

const root = new URL('../../', import.meta.url);
const path = (name) => fileURLToPath(new URL(name, root));

/** Programs that travel as assets: what the entry starts, and threads, by the name under which compiledProgram asks for them. */
const programs = {
  'main.js': { entry: 'scripts/binary/main.mjs', format: 'esm' },
  'complete.js': { entry: 'dist/cli/complete.js', format: 'esm' },
  'cni.js': { entry: 'dist/cni/main.js', format: 'cjs', more: [quick('node:net')] },
  'worker.js': { entry: 'dist/core/dataplane/plane/worker.js', format: 'cjs' },
  'stack-worker.js': { entry: 'dist/core/userspace/stack-worker.js', format: 'cjs' },
  'forward-worker.js': { entry: 'dist/rendezvous/forward/forward-worker.js', format: 'cjs' },
};

const commandTable = () => {
  const { commands } = JSON.parse(readFileSync(path('oclif.manifest.json'), 'utf8'));
  const lines = Object.keys(commands).map((id) => {
    const file = path(`dist/commands/${id.replaceAll(':', '/')}.js`);
    return `${JSON.stringify(id)}: () => import(${JSON.stringify(file)}),`;
  });
  return `export const commands = {\n${lines.join('\n')}\n};`;
};

const parts = {
  name: 'evio-parts',
  setup(b) {
    b.onResolve({ filter: /^evio:commands$/ }, () => ({ path: 'commands', namespace: 'evio' }));
    b.onLoad({ filter: /.*/, namespace: 'evio' }, () => ({
      contents: commandTable(),
      resolveDir: path('.'),
    }));
    // Their own loaders look below node_modules.
    b.onResolve({ filter: /^koffi$/ }, () => ({ path: path('dist/core/native/packed-koffi.js') }));
    b.onResolve({ filter: /^node-datachannel$/ }, () => ({
      path: path('dist/core/native/packed-webrtc.js'),
    }));
    // The plugin is an asset here.
    b.onResolve({ filter: /^\.\.\/dist\/cni\/main\.js$/ }, () => ({ path: 'none', namespace: 'none' }));
    // Ink's tools for developers (DEV=true); the compiler that oclif looks for where commands are TypeScript.
    b.onResolve({ filter: /^(react-devtools-core|typescript)$/ }, () => ({
      path: 'none',
      namespace: 'none',
    }));
    b.onLoad({ filter: /.*/, namespace: 'none' }, () => ({ contents: 'export default {};' }));
  },
};

async function bundled(entry, format, more = []) {
  const { outputFiles, metafile } = await build({
    entryPoints: [path(entry)],
    absWorkingDir: path('.'),
    bundle: true,
    write: false,
    metafile: true,
    platform: 'node',
    target: 'node26',
    format,
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'none',
    // Where it ends by an error nobody caught, Node prints the line.
    lineLimit: 200,
    logLevel: 'error',
    plugins: [...more, parts],
    // Nothing lies beside an asset: a place that is nowhere stands for it.
    define: {
      'import.meta.url': '"file:///evio/dist/program/evio.js"',
      'process.env.NODE_ENV': '"production"',
      'process.env.DEV': '"false"',
    },
    // Packages of the older kind call these.
    banner:
      format === 'esm'
        ? {
            js: "import { createRequire as evioRequire } from 'node:module'; const require = evioRequire('/evio'), __dirname = '/', __filename = '/evio';",
          }
        : {},
  });
  return { text: outputFiles[0].text, inputs: Object.keys(metafile.inputs) };
}

const entry = () => bundled('scripts/binary/entry.mjs', 'esm');
const assets = () =>
  Promise.all(
    Object.entries(programs).map(async ([name, { entry, format, more }]) => [
      name,
      await bundled(entry, format, more),
    ]),
  );

/** The text of the entry, a module. */
export const entryProgram = async () => (await entry()).text;

/**
 * The texts of the others by their names: modules, and scripts as `new Worker(text, { eval: true })` takes them, and the plugin as
 * bin/evio-cni.cjs does.
 */
export const assetPrograms = async () =>
  Object.fromEntries(
    (await assets()).map(([name, { text }]) => [name, name === 'cni.js' ? withHash(text) : text]),
  );

/** Paths of all files that any of them is made of (scripts/sbom). */
export const inputFiles = async () => [
  ...new Set([await entry(), ...(await assets()).map(([, made]) => made)].flatMap(({ inputs }) => inputs)),
];
