/**
 * TCP connections that leave by a certain interface, whatever the routes of the machine say: for relays, while routes lead
 * everything through the network itself (surroundings/ways-out.ts).
 */
import type { Names } from './relay-names.js';
import { Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { EvioError } from '../../lib/errors.js';
import { openTcpAt } from '../../native/tcp-at.js';

/** The interface that sockets of a family are pinned to; undefined: the kernel's routes decide. */
export type Pins = (ipv6: boolean) => string | undefined;

/** One address is given so long to answer, ms. */
const attemptMs = 3_000;

/** Connects to the first address of the name that answers. Rejects with the error of the last. */
export async function dialPinned(pins: Pins, names: Names, host: string, port: number): Promise<Socket> {
  let last: unknown = new EvioError('EVIO_RELAY_UNREACHABLE', `${host} has no address`);
  for (const { address, family } of await names.addresses(host)) {
    try {
      return await connectBy(pins(family === 6), address, family === 6, port);
    } catch (thrown) {
      last = thrown;
    }
  }
  throw last;
}

function connectBy(device: string | undefined, host: string, ipv6: boolean, port: number): Promise<Socket> {
  // Connected before libuv first waits: a socket that is none yet cannot be read.
  const socket = device === undefined ? new Socket() : new Socket({ fd: openTcpAt(device, ipv6) });
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }));
    }, attemptMs);
    socket.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.removeAllListeners('error');
      resolve(socket);
    });
    socket.connect({ host, port });
  });
}

interface DialOptions extends ConnectionOptions {
  readonly host?: string;
  readonly port?: number;
}

/** What `ws` calls for a connection; undefined where no socket is pinned, and it connects as ever. */
export function pinnedConnection(pins: Pins, names: Names, secure: boolean) {
  if (pins(false) === undefined && pins(true) === undefined) return undefined;
  return (options: DialOptions, done: (error: Error | null, socket?: Socket) => void): undefined => {
    const { host = '', port = 0 } = options;
    void dialPinned(pins, names, host.replace(/^\[|\]$/g, ''), port).then(
      (socket) => {
        done(null, secure ? connectTls({ ...options, path: undefined, socket, servername: '' }) : socket);
      },
      (thrown: unknown) => {
        done(thrown instanceof Error ? thrown : new Error(String(thrown)));
      },
    );
    return undefined;
  };
}
