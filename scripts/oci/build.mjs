/**
 * Makes build/evio-oci.tar of build/evio-linux-ARCH: an image for linux/amd64 and linux/arm64, without a daemon.
 * `node build.mjs [--out=FILE] [ARCH...]`. Needs apt-get, dpkg-deb and gzip; equal to the last byte when made again.
 *
 *   layer 1   Debian's shared libraries and nft (debian.mjs), what programs expect of a machine (image.mjs)
 *   layer 2   /usr/bin/evio, its addons, licences, what it is all made of (scripts/sbom); needs the build in dist/
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { addonFiles, licenses } from '../binary/parts.mjs';
import { bills, billText } from '../sbom/parts.mjs';
import { debianFiles } from './debian.mjs';
import { labelsOf, machineFiles, runs } from './image.mjs';
import { layoutOf } from './layout.mjs';
import { archive } from './tar.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const out =
  process.argv.find((word) => word.startsWith('--out='))?.slice(6) ?? join(root, 'build/evio-oci.tar');
const named = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const platforms = {
  x64: { architecture: 'amd64', os: 'linux' },
  arm64: { architecture: 'arm64', os: 'linux', variant: 'v8' },
};

// Not node:zlib, which compresses as the processor likes.
const packed = (plain) => execFileSync('gzip', ['-n'], { input: plain, maxBuffer: 2 ** 30 });
const layer = (note, files) => {
  const plain = archive(files);
  return { note, plain, packed: packed(plain) };
};

async function programFiles(arch) {
  const { image } = await bills(arch);
  return {
    'usr/bin/evio': { content: readFileSync(join(root, `build/evio-linux-${arch}`)), mode: 0o755 },
    'usr/bin/evio-cni': { link: 'evio' },
    ...Object.fromEntries(Object.entries(addonFiles(arch)).map(([name, content]) => [name, { content }])),
    'usr/share/doc/evio/copyright': { content: licenses(arch) },
    'usr/share/doc/evio/sbom.cdx.json': { content: billText(image) },
  };
}

const pjson = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const images = [];
for (const arch of named.length > 0 ? named : Object.keys(platforms)) {
  const machine = { ...debianFiles(platforms[arch].architecture), ...machineFiles };
  images.push({
    platform: platforms[arch],
    layers: [layer('Debian: shared libraries, nft', machine), layer('evio', await programFiles(arch))],
  });
}
const { version } = pjson;
writeFileSync(
  out,
  archive(layoutOf({ name: 'evio', version, config: runs, labels: labelsOf(pjson), images })),
);
console.log(out);
