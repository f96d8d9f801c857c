/** Where a home keeps what (config/schema.ts). */
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { storageError } from '../disk/storage-error.js';
import { EvioError } from '../lib/errors.js';

export interface Home {
  readonly path: string;
  readonly controlSocket: string;
  readonly networks: string;
  readonly relay: string;
  /** Output of a node in the background. */
  readonly log: string;
  /** Output of a relay in the background. */
  readonly relayLog: string;
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

/** Where the relay has its state that a service runs (service/units.ts, service/openrc-scripts.ts). */
export const relayServiceHome = '/var/lib/evio-relay';

/** The home of the relay that is asked: that of the service, where root names none and has never run one itself. */
export function relayHomeFrom(
  env: NodeJS.ProcessEnv = process.env,
  uid: number | undefined = process.getuid?.(),
  exists: (path: string) => boolean = existsSync,
): Home {
  const own = homeFrom(env, uid);
  if (uid !== 0 || (env['EVIO_HOME'] ?? '') !== '') return own;
  const service = homeAt(relayServiceHome);
  // What a relay writes when it listens (rendezvous/invite.ts).
  const hasRun = ({ relay }: Home): boolean => exists(join(relay, 'address'));
  return !hasRun(own) && hasRun(service) ? service : own;
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
    relayLog: join(path, 'relay.log'),
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
    throw storageError(path, whyNot(path, thrown));
  }
}

/** Of folders in folders Node says that they are not there, also where the disk is read-only. */
function whyNot(path: string, thrown: unknown): unknown {
  if ((thrown as NodeJS.ErrnoException).code !== 'ENOENT') return thrown;
  let first = path;
  while (!existsSync(dirname(first)) && dirname(first) !== first) first = dirname(first);
  try {
    mkdirSync(first, { mode: 0o700 });
    return thrown;
  } catch (why) {
    return why;
  }
}
