/** What the program of one file, and the image, are made of: asked of those that build them, so that no list can be behind. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { inputFiles } from '../binary/bundle.mjs';
import { addonPackages, runtimePackage } from '../binary/parts.mjs';
import { pinned } from '../oci/debian-pins.mjs';
import { pageBuild } from '../web/page.mjs';
import { billOf, component, purl } from './bill.mjs';

const root = new URL('../../', import.meta.url);
const text = (path) => readFileSync(new URL(path, root), 'utf8');
const pjson = JSON.parse(text('package.json'));
const lock = JSON.parse(text('package-lock.json')).packages;
const debian = { x64: 'amd64', arm64: 'arm64' };

/** Subresource integrity as npm has it, in CycloneDX's words. */
function hashOf(integrity) {
  const [, content] = /^sha512-(\S+)$/.exec(integrity);
  return { alg: 'SHA-512', content: Buffer.from(content, 'base64').toString('hex') };
}

/** Licences that packages name otherwise than SPDX does. */
const spdx = { 'MPL 2.0': 'MPL-2.0' };

const npm = ({ package: name, version, integrity, license }) =>
  component({
    name,
    version,
    purl: purl('npm', name, version),
    license: spdx[license] ?? license,
    hash: hashOf(integrity),
  });

/** The packages that `files`, paths of what a bundler read, belong to. */
function packagesOf(files) {
  const keys = files.flatMap(
    (file) => /node_modules\/(?:.*\/node_modules\/)?(?:@[^/]+\/)?[^/]+/.exec(file) ?? [],
  );
  return [...new Set(keys)].map((key) => {
    const { version, integrity, license } = lock[key];
    return npm({ package: key.replace(/^.*node_modules\//, ''), version, integrity, license });
  });
}

async function bundledPackages() {
  const { metafile } = await build({ ...pageBuild, write: false, metafile: true });
  return packagesOf([...(await inputFiles()), ...Object.keys(metafile.inputs)]);
}

function nodeRuntime(arch) {
  const { package: name, version, integrity } = runtimePackage(arch);
  return component({
    type: 'platform',
    name: 'node',
    version,
    purl: purl('npm', name, version),
    license: 'MIT',
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    hash: hashOf(integrity),
  });
}

/** lwIP as WebAssembly, by the tag that scripts/lwip/build.sh compiles. */
function lwip() {
  const [, tag] = /^tag=(\S+)$/m.exec(text('scripts/lwip/build.sh'));
  const version = /-(\d+)_(\d+)_(\d+)_/.exec(tag).slice(1).join('.');
  return component({
    name: 'lwip',
    version,
    purl: purl('github', 'lwip-tcpip/lwip', tag),
    license: 'BSD-3-Clause',
    cpe: `cpe:2.3:a:lwip_project:lwip:${version}:*:*:*:*:*:*:*`,
  });
}

function debianLibraries(arch) {
  const qualifiers = { arch: debian[arch], distro: 'debian-12' };
  return pinned(debian[arch]).map(({ name, version, sha256 }) =>
    component({
      name,
      version,
      purl: purl('deb', `debian/${name}`, version, qualifiers),
      hash: { alg: 'SHA-256', content: sha256 },
    }),
  );
}

const subject = (type) =>
  component({
    type,
    name: 'evio',
    version: pjson.version,
    purl: purl('npm', 'evio', pjson.version),
    license: pjson.license,
  });

/** The bills for `arch`: of the program, of the Debian package, which has one library beside it, and of the image, which has all. Needs a build in dist/. */
export async function bills(arch) {
  const inside = [...(await bundledPackages()), ...addonPackages(arch).map(npm), nodeRuntime(arch), lwip()];
  const libraries = debianLibraries(arch);
  const atomic = libraries.filter(({ name }) => name === 'libatomic1');
  return {
    program: billOf(subject('application'), inside),
    debianPackage: billOf(subject('application'), [...inside, ...atomic]),
    image: billOf(subject('container'), [...inside, ...libraries]),
  };
}

/** As it is written to files. */
export const billText = (bill) => `${JSON.stringify(bill, null, 2)}\n`;

export const outFolder = fileURLToPath(new URL('build/', root));
