/**
 * <home>/relay/lock: a Unix socket that says that a relay runs with this folder. Two would overwrite each other's
 * counts of invites, and so admit more machines than an invite allows.
 */
import { createServer } from 'node:net';
import { join } from 'node:path';
import { ensureFolder, type Home } from '../config/home.js';
import { listenExclusively } from './socket-file.js';
import type { Logger } from '../lib/env.js';
import { EvioError, messageOf } from '../lib/errors.js';

function relayRunsAlready(path: string): EvioError {
  return new EvioError('EVIO_ALREADY_RUNNING', `A relay runs already with this state folder (${path}).`, [
    'Stop it first; one relay serves any number of networks.',
    'For a second relay on this machine set EVIO_HOME: it gets a key of its own.',
  ]);
}

/**
 * Takes the relay's folder for this process. Resolves to a function that gives it back. A disk on which nothing can be
 * written, or that has no sockets, is reported and does not stop the relay: it runs from memory there.
 *
 * @throws EvioError EVIO_ALREADY_RUNNING
 */
export async function lockRelay(home: Home, log: Logger): Promise<() => void> {
  const server = createServer((socket) => {
    socket.destroy();
  });
  let release: () => void;
  try {
    ensureFolder(home.relay);
    release = await listenExclusively(server, join(home.relay, 'lock'), relayRunsAlready);
  } catch (thrown) {
    if (thrown instanceof EvioError && thrown.code === 'EVIO_ALREADY_RUNNING') throw thrown;
    log.warn('the state folder cannot be locked: let no other relay use it', { reason: messageOf(thrown) });
    return () => undefined;
  }
  return () => {
    release();
    server.close();
  };
}
