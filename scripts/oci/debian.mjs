/**
 * The shared libraries of the image, and nft, out of Debian's packages as debian.json pins them by their hashes. apt fetches them,
 * with lists and settings of its own in the cache, so that neither the machine's sources nor its architecture matter.
 *
 * `node debian.mjs` pins what Debian has today.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { cache } from '../binary/parts.mjs';
import { pinFile, pinned } from './debian-pins.mjs';

const suite = 'bookworm';
const keys = '/usr/share/keyrings/debian-archive-keyring.gpg';
/** What evio and nft ask the loader for, and where the licences of GCC's libraries lie. */
const packages = [
  ...['gcc-12-base', 'libatomic1', 'libc6', 'libgcc-s1', 'libstdc++6'],
  // nft, by which the agent of a Kubernetes node puts NetworkPolicies in force, and what it asks the loader for.
  ...['nftables', 'libnftables1', 'libnftnl11', 'libmnl0', 'libgmp10', 'libjansson4', 'libxtables12'],
  ...['libedit2', 'libbsd0', 'libmd0', 'libtinfo6'],
];
const architectures = ['amd64', 'arm64'];

/** Runs apt-get with a state of its own; gives its output. */
function apt(args, cwd) {
  const state = join(cache, 'apt');
  for (const folder of ['lists/partial', 'archives/partial'])
    mkdirSync(join(state, folder), { recursive: true });
  writeFileSync(join(state, 'status'), '');
  const from = (path, name) => `deb [signed-by=${keys}] http://deb.debian.org/${path} ${name} main\n`;
  const sources = [from('debian', suite), from('debian-security', `${suite}-security`)];
  writeFileSync(join(state, 'sources.list'), sources.join(''));
  const settings = {
    'Dir::Etc::sourcelist': join(state, 'sources.list'),
    'Dir::Etc::sourceparts': '-',
    'Dir::State': state,
    'Dir::State::status': join(state, 'status'),
    'Dir::Cache': state,
    'APT::Architecture': architectures[0],
    'Acquire::Languages': 'none',
    // A user of apt's own could not write here.
    'APT::Sandbox::User': 'root',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  const lists = architectures.flatMap((arch) => ['-o', `APT::Architectures::=${arch}`]);
  return execFileSync('apt-get', [...flags, ...lists, '-qq', ...args], { cwd, encoding: 'utf8' });
}

/** Writes debian.json anew: names, versions and hashes as Debian's signed lists have them now. */
function pin() {
  apt(['update']);
  const pins = architectures.map((arch) => {
    const text = apt(['download', '--print-uris', ...packages.map((name) => `${name}:${arch}`)]);
    const lines = [...text.matchAll(/^'\S+' (\S+?)_(\S+)_\S+?\.deb \d+ SHA256:([0-9a-f]{64})$/gm)];
    if (lines.length !== packages.length) throw new Error(`apt has not all packages for ${arch}: ${text}`);
    const found = lines.map(([, name, version, sha256]) => [
      name,
      { version: decodeURIComponent(version), sha256 },
    ]);
    return [arch, Object.fromEntries(found)];
  });
  writeFileSync(pinFile, `${JSON.stringify(Object.fromEntries(pins), null, 2)}\n`);
}

/** Path of a package in the cache. Throws when Debian has it no more, or when it is not the one that was pinned. */
function fetched(arch, { name, version, sha256 }) {
  const path = join(cache, `${name}_${version.replace(':', '_')}_${arch}.deb`);
  const check = (file) => {
    if (createHash('sha256').update(readFileSync(file)).digest('hex') !== sha256)
      throw new Error(`${file} is not ${name} ${version} as it was pinned`);
  };
  if (!existsSync(path)) {
    mkdirSync(cache, { recursive: true });
    const draft = mkdtempSync(join(cache, 'draft-'));
    try {
      if (!existsSync(join(cache, 'apt'))) apt(['update']);
      apt(['download', `${name}:${arch}=${version}`], draft);
      const [file] = readdirSync(draft);
      check(join(draft, file));
      renameSync(join(draft, file), path);
    } catch (thrown) {
      const advice = `Debian has another version now? Pin it: node scripts/oci/debian.mjs`;
      throw new Error(`${name} ${version} for ${arch} cannot be had. ${advice}`, { cause: thrown });
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  check(path);
  return path;
}

/** Whether the image has a file: libraries and the loader, which lie right in these folders, nft, and licences. */
const wanted =
  /^usr\/sbin\/nft$|^(usr\/)?lib(64)?\/([^/]+-linux-gnu\/)?(lib[^/]+\.so\.[^/]+|ld-linux-[^/]+)$|^usr\/share\/doc\/[^/]+(\/copyright)?$/;

/** Files of one unpacked package. `lib` is a link to `usr/lib` in the image, as in Debian. */
function filesBelow(folder, at = folder) {
  return readdirSync(at).flatMap((name) => {
    const path = join(at, name);
    const found = lstatSync(path);
    if (found.isDirectory()) return filesBelow(folder, path);
    const inside = relative(folder, path);
    if (!wanted.test(inside)) return [];
    const place = inside.replace(/^lib/, 'usr/lib');
    if (found.isSymbolicLink()) return [[place, { link: moved(inside, place, readlinkSync(path)) }]];
    return [[place, { content: readFileSync(path), mode: found.mode & 0o777 }]];
  });
}

/** A link says where it points from where it lay. */
function moved(from, to, target) {
  if (from === to || !target.includes('/')) return target;
  const aim = target.startsWith('/') ? target.slice(1) : join(dirname(from), target);
  return relative(dirname(to), aim.replace(/^lib/, 'usr/lib'));
}

/**
 * Files of the image that Debian brings for `arch` (Debian's name), as tar.mjs takes them. Scanners know the packages by
 * /var/lib/dpkg/status.d.
 */
export function debianFiles(arch) {
  const files = {};
  for (const each of pinned(arch)) {
    const file = fetched(arch, each);
    const folder = mkdtempSync(join(cache, 'unpacked-'));
    try {
      execFileSync('dpkg-deb', ['--extract', file, folder]);
      Object.assign(files, Object.fromEntries(filesBelow(folder)));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
    const control = execFileSync('dpkg-deb', ['--field', file], { encoding: 'utf8' });
    files[`var/lib/dpkg/status.d/${each.name}`] = { content: control };
  }
  const folders = new Set(Object.keys(files).map((path) => /^usr\/(lib\w*)\//.exec(path)?.[1]));
  for (const name of folders) if (name !== undefined) files[name] = { link: `usr/${name}` };
  return files;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) pin();
