/**
 * Makes `evio` in one file for linux-x64 and linux-arm64: build/evio-linux-ARCH. Needs a build in dist/.
 *
 *   runtime (parts.mjs)  without its tables for debuggers
 *   + entry              entry.mjs; flags and NODE_OPTIONS are not read, SIGUSR1 opens nothing
 *   + assets             the programs (bundle.mjs), package.json, addons (src/core/native/packed-addon.ts)
 *
 * Two builds of one tree are equal to the last byte: nothing here depends on time, place or machine.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { assetPrograms, entryProgram } from './bundle.mjs';
import { withoutSections, withRunPath } from './elf.mjs';
import { addons, architectures, runtime } from './parts.mjs';

const root = new URL('../../', import.meta.url);
// `node build.mjs [--out=FOLDER] [ARCH...]`
const [folderFlag] = process.argv.filter((word) => word.startsWith('--out='));
const out = folderFlag?.slice('--out='.length) ?? fileURLToPath(new URL('build/', root));
const named = process.argv.slice(2).filter((word) => word !== folderFlag);
const wanted = named.length > 0 ? named : architectures;

/** Where the Debian package puts what a fresh Debian lacks (deb.mjs). */
const libraries = '$ORIGIN/../lib/evio';

const hashOf = (bytes) => createHash('sha256').update(bytes).digest('hex');
mkdirSync(out, { recursive: true });
// The paths that the builder sees are the same wherever it runs: they are relative to this folder.
const folder = mkdtempSync(join(out, '.draft-'));
const put = (name, content, mode = 0o644) => {
  writeFileSync(join(folder, name), content, { mode });
  return name;
};

try {
  const main = put('main.mjs', await entryProgram());
  const assets = {
    'package.json': put('package.json', readFileSync(new URL('package.json', root))),
    libraries: put('libraries', `${libraries}\0`),
  };
  for (const [name, text] of Object.entries(await assetPrograms())) assets[name] = put(name, text);
  for (const name of ['page.html', 'page.js', 'page.css'])
    assets[name] = put(name, readFileSync(new URL(`dist/web/page/${name}`, root)));
  const builder = put('builder', runtime(process.arch), 0o755);
  for (const arch of wanted) {
    const native = addons(arch).flatMap(({ kind, name, bytes }) => [
      [`${kind}.node`, put(`${kind}.node`, bytes)],
      [`${kind}.name`, put(`${kind}.name`, name)],
    ]);
    const config = {
      main,
      mainFormat: 'module',
      executable: put('runtime', withoutSections(runtime(arch)), 0o755),
      output: 'evio',
      disableExperimentalSEAWarning: true,
      useSnapshot: false,
      useCodeCache: false,
      // The entry runs modules by node:vm.
      execArgv: ['--disable-sigusr1', '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
      execArgvExtension: 'none',
      assets: { ...assets, ...Object.fromEntries(native) },
    };
    put('sea.json', JSON.stringify(config));
    execFileSync(join(folder, builder), ['--build-sea', 'sea.json'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    const program = withRunPath(readFileSync(join(folder, 'evio')), libraries);
    writeFileSync(join(out, `evio-linux-${arch}`), program, { mode: 0o755 });
    console.log(`evio-linux-${arch}  ${Math.round(program.length / 1e6)} MB  sha256 ${hashOf(program)}`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
