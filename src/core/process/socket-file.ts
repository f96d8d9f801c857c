/**
 * Takes the path of a socket for this process alone, so that a home has one node, and a relay's folder one relay.
 *
 * A process that was killed leaves its socket behind; nobody answers there, and it is replaced. The new socket is made
 * under a name of its own and linked into place, which fails when another process was faster.
 */
import { existsSync, linkSync, renameSync, rmSync, statSync } from 'node:fs';
import { createConnection, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import { storageError } from '../disk/storage-error.js';
import { EvioError } from '../lib/errors.js';

export function alreadyRunning(path: string): EvioError {
  return new EvioError('EVIO_ALREADY_RUNNING', `A node runs already with this state folder (${path}).`, [
    'See it with: evio status',
    'Have it take up another network of this machine: evio up',
    'Stop it with: evio down',
    'For a second node on this machine set EVIO_HOME.',
  ]);
}

/** Of a socket that only its owner may open. */
const ownMode = 0o600;

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(path);
    const settle = (result: boolean) => (): void => {
      socket.destroy();
      resolve(result);
    };
    socket.once('connect', settle(true));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      // A full backlog (EAGAIN) means that somebody listens.
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT' && error.code !== 'ENOTSOCK')();
    });
  });
}

function listen(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // The socket is made during the call, with its mode: set afterwards, by its name, it might be that of whatever a user who
    // may write to the folder has put there meanwhile.
    const before = process.umask(0o777 & ~mode);
    server.listen(path, () => {
      server.removeListener('error', reject);
      resolve();
    });
    process.umask(before);
  });
}

/**
 * Lets the server listen at `path` in the place of the process that listens there: whoever connects from now on is ours.
 * Otherwise as `listenExclusively`.
 *
 * @throws EvioError EVIO_STORAGE.
 */
export async function listenInPlace(server: Server, path: string): Promise<() => void> {
  const own = join(dirname(path), `c${process.pid.toString(36)}`);
  try {
    rmSync(own, { force: true });
    await listen(server, own, ownMode);
    renameSync(own, path);
  } catch (thrown) {
    rmSync(own, { force: true });
    server.close();
    throw storageError(path, thrown);
  }
  return removal(path);
}

/** What removes the path, if it still is what it is now. */
function removal(path: string): () => void {
  const { ino, dev } = statSync(path);
  return () => {
    try {
      const now = statSync(path);
      if (now.ino === ino && now.dev === dev) rmSync(path);
    } catch {
      // Removed by somebody else: nothing to undo.
    }
  };
}

/** Codes of file systems that have no hard links. */
const noLinks: readonly (string | undefined)[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK'];

/** Gives the socket the name `to` unless that is taken. */
function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (thrown) {
    const code = (thrown as NodeJS.ErrnoException).code;
    if (code === 'EEXIST') return false;
    if (!noLinks.includes(code)) throw thrown;
    // Next best: two processes that start in the same instant may both get here.
    if (existsSync(to)) return false;
    renameSync(from, to);
    return true;
  }
}

/**
 * Lets the server listen at `path`. Resolves to a function that removes the path, if it still is ours.
 * `taken` makes the error for a path at which another process answers.
 *
 * @throws EvioError EVIO_ALREADY_RUNNING, EVIO_STORAGE.
 */
export async function listenExclusively(
  server: Server,
  path: string,
  taken: (path: string) => EvioError = alreadyRunning,
  mode = ownMode,
): Promise<() => void> {
  // Short, because the length of the home's path was checked for `control.sock` (sun_path, 107 bytes).
  const pid = process.pid.toString(36);
  const own = join(dirname(path), `c${pid}`);
  const stale = join(dirname(path), `s${pid}`);
  try {
    rmSync(own, { force: true });
    await listen(server, own, mode);
    try {
      if (!link(own, path)) {
        if (await answers(path)) throw taken(path);
        renameSync(path, stale);
        if (await answers(stale)) {
          // Another process came between: give its socket back.
          link(stale, path);
          throw taken(path);
        }
        if (!link(own, path)) throw taken(path);
      }
    } finally {
      rmSync(stale, { force: true });
    }
  } catch (thrown) {
    server.close();
    throw storageError(path, thrown);
  } finally {
    rmSync(own, { force: true });
  }
  return removal(path);
}
