/** Where a home keeps what (config/schema.ts), and what the operator hears when the disk says no. */
import { mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { EvioError, messageOf } from '../lib/errors.js';

export interface Home {
  readonly path: string;
  readonly controlSocket: string;
  readonly networks: string;
  readonly relay: string;
  /** Output of a node in the background. */
  readonly log: string;
}

/** `sun_path` of sockaddr_un without its final zero, bytes (unix(7)). */
const maxSocketPath = 107;

/** The home that the environment names: EVIO_HOME, else /var/lib/evio as root, else the XDG configuration folder. */
export function homeFrom(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
): Home {
  const chosen = env['EVIO_HOME'];
  if (chosen !== undefined && chosen !== '') return homeAt(resolve(chosen));
  if (uid === 0) return homeAt('/var/lib/evio');
  const xdg = env['XDG_CONFIG_HOME'];
  return homeAt(join(xdg !== undefined && xdg.startsWith('/') ? xdg : join(homedir(), '.config'), 'evio'));
}

/** Throws EvioError EVIO_STORAGE when a control socket cannot have so long a path. */
export function homeAt(path: string): Home {
  const controlSocket = join(path, 'control.sock');
  if (Buffer.byteLength(controlSocket) > maxSocketPath) {
    throw new EvioError(
      'EVIO_STORAGE',
      `The state folder ${path} has too long a path: its control socket may take ${maxSocketPath} bytes.`,
      ['Choose a shorter folder: EVIO_HOME=/var/lib/evio'],
    );
  }
  return {
    path,
    controlSocket,
    networks: join(path, 'networks'),
    relay: join(path, 'relay'),
    log: join(path, 'evio.log'),
  };
}

/**
 * Makes a folder that only its owner may enter. One that is there already keeps its mode: EVIO_HOME may name a folder
 * that others use as well, and what is secret below it has a mode of its own. Throws EvioError EVIO_STORAGE.
 */
export function ensureFolder(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 });
  } catch (thrown) {
    throw storageError(path, thrown);
  }
}

const reasons: Readonly<Record<string, readonly [why: string, next: string]>> = {
  ENOSPC: ['the disk is full', 'Free some space on that disk, then try again.'],
  EDQUOT: ['the disk quota is used up', 'Free some space, then try again.'],
  EROFS: ['the file system is read-only', 'Choose a writable folder with EVIO_HOME.'],
  EACCES: ['permission denied', 'Run it as root, or choose your own folder with EVIO_HOME.'],
  EPERM: ['permission denied', 'Run it as root, or choose your own folder with EVIO_HOME.'],
  ENOTDIR: ['a file stands where a folder is needed', 'Choose another folder with EVIO_HOME.'],
  EEXIST: ['a file stands where a folder is needed', 'Choose another folder with EVIO_HOME.'],
  EISDIR: ['a folder stands where a file is needed', 'Choose another folder with EVIO_HOME.'],
};

/** An operator error for a file or folder that could not be read or written; passes what is one already. */
export function storageError(path: string, thrown: unknown): EvioError {
  if (thrown instanceof EvioError) return thrown;
  const code = (thrown as NodeJS.ErrnoException | undefined)?.code ?? '';
  const [why, next] = reasons[code] ?? [messageOf(thrown), 'Check the disk and the folder EVIO_HOME.'];
  return new EvioError('EVIO_STORAGE', `Cannot use ${path}: ${why}.`, [next], { cause: thrown });
}
