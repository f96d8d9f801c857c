/** What the program of one file is made of and is not in node_modules: Node's runtimes, addons. Fetched once, checked each time. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

const root = new URL('../../', import.meta.url);
const read = (path) => JSON.parse(readFileSync(new URL(path, root), 'utf8'));
const runtimes = read('scripts/binary/parts.json');
/** Where what was fetched is kept. */
export const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'evio-build');

export const architectures = Object.keys(runtimes);

/** The tarball of a package of the registry, from the cache or by npm. Throws when it is not the one that was pinned. */
function tarball({ package: name, version, integrity }) {
  mkdirSync(cache, { recursive: true });
  const path = join(cache, `${name.replace(/^@/, '').replace('/', '-')}-${version}.tgz`);
  const check = (file) => {
    const digest = createHash('sha512').update(readFileSync(file)).digest('base64');
    if (`sha512-${digest}` !== integrity)
      throw new Error(`${file} is not ${name}@${version} as it was pinned`);
  };
  if (!existsSync(path)) {
    const draft = mkdtempSync(join(cache, 'draft-'));
    try {
      const args = ['pack', `${name}@${version}`, '--silent', '--pack-destination', draft];
      const [file] = execFileSync('npm', args, { encoding: 'utf8' }).trim().split('\n').slice(-1);
      check(join(draft, file));
      renameSync(join(draft, file), path);
    } finally {
      rmSync(draft, { recursive: true, force: true });
    }
  }
  check(path);
  return path;
}

const memberOf = (file, member) =>
  execFileSync('tar', ['xzOf', file, `package/${member}`], { maxBuffer: 1 << 28 });

/** Node's executable for `arch`. */
export const runtime = (arch) => memberOf(tarball(runtimes[arch]), 'bin/node');

const locked = read('package-lock.json').packages;

/** A package as package-lock.json pins it: `{ package, version, integrity, license }`. */
function pinned(name) {
  const { version, integrity, license } = locked[`node_modules/${name}`];
  return { package: name, version, integrity, license };
}

/** Native code that programs load from files: by the name under which they ask for it, its package, and where it lies in that. */
const kinds = {
  koffi: (arch) => ({ name: `@koromix/koffi-linux-${arch}`, member: `linux_${arch}/koffi.node` }),
  webrtc: (arch) => ({ name: `@node-datachannel/linux-${arch}-gnu`, member: 'node_datachannel.node' }),
};

/** The licences of evio, of Node, and of what that is made of. */
export const licenses = (arch) =>
  [
    readFileSync(new URL('LICENSE', root), 'utf8'),
    'Node.js, which is inside:\n',
    memberOf(tarball(runtimes[arch]), 'LICENSE'),
    'node-datachannel, whose addon is inside as its package has it; source: https://github.com/murat-dogan/node-datachannel\n',
    memberOf(tarball(pinned('node-datachannel')), 'LICENSE'),
  ].join('\n');

/** The package of the runtime: `{ package, version, integrity }`. */
export const runtimePackage = (arch) => runtimes[arch];

/** The packages of the addons for `arch`: `{ package, version, integrity, license }` of each. */
export const addonPackages = (arch) => Object.values(kinds).map((kind) => pinned(kind(arch).name));

/** The addons for `arch`: `{ kind, name, bytes }` of each. `name` is by the hash of the content, wherever it lies (src/core/native/packed-addon.ts). */
export const addons = (arch) =>
  Object.entries(kinds).map(([kind, of]) => {
    const { name, member } = of(arch);
    const bytes = memberOf(tarball(pinned(name)), member);
    const hash = createHash('sha256').update(bytes).digest('hex');
    return { kind, name: `${kind}-${hash.slice(0, 32)}.node`, bytes };
  });

/** The addons as files of a package, where a program in /usr/bin looks for them: names and contents. */
export const addonFiles = (arch) =>
  Object.fromEntries(addons(arch).map(({ name, bytes }) => [`usr/lib/evio/${name}`, bytes]));
