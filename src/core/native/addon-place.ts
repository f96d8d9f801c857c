/**
 * Where the program of one file puts the addon that it carries, since the system's loader takes code from files only.
 *
 *   package   /usr/lib/evio beside /usr/bin/evio: put there by the package, only read
 *   root      /var/cache/evio, /run/evio
 *   others    $CACHE_DIRECTORY (systemd), $XDG_CACHE_HOME/evio or ~/.cache/evio, $XDG_RUNTIME_DIR/evio
 *   last      a folder made for this process alone in /dev/shm, /tmp or /var/tmp, removed once the addon is loaded
 *
 * What lies there runs in this process, often as root. So a place is taken only when nobody else can have written to it:
 * folder and file belong to this user (or to root), are no links, and nobody else may write to them; and the file is
 * compared with the asset to its last byte. A file comes into being by a rename, whole, under the name of its hash: two
 * processes at once, or two versions, are not in each other's way.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  realpathSync,
  rmSync,
  unlinkSync,
  writeFileSync,
  type Stats,
} from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';

/** The bits of a mode by which others than the owner write. */
const othersWrite = 0o022;
const sticky = 0o1000;

export interface Addon {
  /** File name, with the hash of the content. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** A file to load, and what to do when it is loaded. */
export interface PlacedAddon {
  readonly path: string;
  readonly loaded: () => void;
}

export interface PlaceOptions {
  readonly env: NodeJS.ProcessEnv;
  readonly uid: number;
  /** Path of this program. */
  readonly program: string;
  /** Folders for temporary files. */
  readonly temporary?: readonly string[];
  /** Folders of root's. */
  readonly system?: readonly string[];
}

function isPrivate(found: Stats, uid: number): boolean {
  return (found.uid === uid || found.uid === 0) && (found.mode & othersWrite) === 0;
}

function requirePrivateFolder(path: string, uid: number): void {
  const found = lstatSync(path);
  if (!found.isDirectory() || !isPrivate(found, uid)) throw new Error(`${path} is not this user's alone`);
}

/** The addon in `folder`, if it is there and can be trusted. Throws when something else bears its name. */
function find(folder: string, { name, bytes }: Addon, uid: number): string | undefined {
  const path = join(folder, name);
  let fd: number;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw thrown;
  }
  try {
    const found = fstatSync(fd);
    const same = found.isFile() && found.size === bytes.length && isPrivate(found, uid);
    if (!same || !readFileSync(fd).equals(bytes)) throw new Error(`${path} is not what evio put there`);
    return path;
  } finally {
    closeSync(fd);
  }
}

function write(folder: string, addon: Addon): void {
  const path = join(folder, addon.name);
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  const fd = openSync(draft, 'wx', 0o500);
  try {
    writeFileSync(fd, addon.bytes);
    fchmodSync(fd, 0o500);
    // A link, not a rename: what another process was faster with is in use already, and stays.
    linkSync(draft, path);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'EEXIST') throw thrown;
  } finally {
    closeSync(fd);
    unlinkSync(draft);
  }
}

/** In a folder that stays. Throws when it cannot be made, is not private, or holds something else. */
function keep(folder: string, addon: Addon, uid: number): PlacedAddon {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  requirePrivateFolder(folder, uid);
  let path = find(folder, addon, uid);
  if (path === undefined) {
    write(folder, addon);
    path = find(folder, addon, uid);
  }
  if (path === undefined) throw new Error(`${folder} loses its files`);
  return { path, loaded: () => undefined };
}

/** In a folder of its own below one that all may write to. Throws. */
function lend(parent: string, addon: Addon, uid: number): PlacedAddon {
  const found = lstatSync(parent);
  const safe = isPrivate(found, uid) || (found.uid === 0 && (found.mode & sticky) !== 0);
  if (!found.isDirectory() || !safe) throw new Error(`${parent} can be changed by others`);
  const folder = mkdtempSync(join(parent, 'evio-'));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    write(folder, addon);
  } catch (thrown) {
    remove();
    throw thrown;
  }
  return { path: join(folder, addon.name), loaded: remove };
}

/** For a user that it makes, systemd puts a link where the folder would be. */
function followed(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

function userFolders(env: NodeJS.ProcessEnv): string[] {
  const absolute = (path: string | undefined): string[] => (path?.startsWith('/') === true ? [path] : []);
  const [service] = (env['CACHE_DIRECTORY'] ?? '').split(':');
  const home = absolute(env['HOME']).map((path) => join(path, '.cache'));
  const caches = [...absolute(env['XDG_CACHE_HOME']), ...home].slice(0, 1);
  return [
    ...absolute(service).map(followed),
    ...[...caches, ...absolute(env['XDG_RUNTIME_DIR'])].map((path) => join(path, 'evio')),
  ];
}

/** Where the addon may lie, best first; each is tried when it is called. The calls throw where it cannot lie there. */
export function placesOf(addon: Addon, options: PlaceOptions): (() => PlacedAddon | undefined)[] {
  const { env, uid, program } = options;
  const { temporary = ['/dev/shm', '/tmp', '/var/tmp'], system = ['/var/cache/evio', '/run/evio'] } = options;
  const packaged = (): PlacedAddon | undefined => {
    const folder = join(dirname(program), '../lib/evio');
    const path = find(folder, addon, uid);
    if (path === undefined) return undefined;
    requirePrivateFolder(folder, uid);
    return { path, loaded: () => undefined };
  };
  // What the environment of root says may be somebody else's word.
  const kept = uid === 0 ? system : userFolders(env);
  return [
    packaged,
    ...kept.map((folder) => () => keep(folder, addon, uid)),
    ...temporary.map((parent) => () => lend(parent, addon, uid)),
  ];
}
