/** What the program of one file is made of and is not in node_modules: Node's runtimes, koffi's addons. Fetched once, checked each time. */
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

/** The licences of evio, of Node, and of what that is made of. */
export const licenses = (arch) =>
  [
    readFileSync(new URL('LICENSE', root), 'utf8'),
    'Node.js, which is inside:\n',
    memberOf(tarball(runtimes[arch]), 'LICENSE'),
  ].join('\n');

/** The package of the runtime: `{ package, version, integrity }`. */
export const runtimePackage = (arch) => runtimes[arch];

/** The package of koffi's addon for `arch`, as package-lock.json pins it; with `license`. */
export function addonPackage(arch) {
  const name = `@koromix/koffi-linux-${arch}`;
  const { version, integrity, license } = read('package-lock.json').packages[`node_modules/${name}`];
  return { package: name, version, integrity, license };
}

/** koffi's addon for `arch`. */
export const addon = (arch) => memberOf(tarball(addonPackage(arch)), `linux_${arch}/koffi.node`);

/** The name of an addon, wherever it lies: by the hash of its content (src/core/native/packed.ts). */
export const addonName = (bytes) =>
  `koffi-${createHash('sha256').update(bytes).digest('hex').slice(0, 32)}.node`;
