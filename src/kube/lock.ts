/** One agent for a state folder: two would take each other's announcements back. */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ensureFolder, type Home } from '../core/config/home.js';
import { EvioError } from '../core/lib/errors.js';
import { listenExclusively } from '../core/process/socket-file.js';

function alreadyRunning(path: string): EvioError {
  return new EvioError(
    'EVIO_ALREADY_RUNNING',
    `An agent for Kubernetes runs already on this node (${path}).`,
    ['One serves all pods of a node: stop the other first.'],
  );
}

/** Resolves to what gives the lock back. Throws EvioError EVIO_ALREADY_RUNNING, EVIO_STORAGE. */
export async function lockAgent(home: Home): Promise<() => void> {
  ensureFolder(home.path);
  const server = createServer((socket) => socket.destroy());
  const release = await listenExclusively(server, join(home.path, 'kube.sock'), alreadyRunning);
  return () => {
    release();
    server.close();
  };
}
