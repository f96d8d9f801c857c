/**
 * TCP connections that leave by a certain interface, whatever the routes of the machine say: for relays, while routes lead
 * everything through the network itself (surroundings/ways-out.ts); and through a proxy, where the operator names one.
 */
import { dialThrough } from './proxied-dial.js';
import type { ProxyChoice } from '../../lib/proxy-url.js';
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

/** How a relay is reached. */
export interface RelayRoute {
  /** Default: as routes say. */
  readonly pins?: Pins | undefined;
  readonly names: Names;
  readonly proxy?: ProxyChoice | undefined;
  /** The connection goes by the proxy. The relay's own address, where its name is known here. */
  readonly proxied: (address: string | undefined) => void;
}

/** How long an address of a relay behind a proxy is waited for, ms: nothing but its UDP depends on it. */
const addressMs = 1_500;

/** What `ws` calls for a connection; undefined where no socket is pinned and no proxy asked, and it connects as ever. */
export function relayConnection(
  { pins = () => undefined, names, proxy, proxied }: RelayRoute,
  secure: boolean,
) {
  if (!proxy && pins(false) === undefined && pins(true) === undefined) return undefined;
  const dial = (host: string, port: number): Promise<Socket> => dialPinned(pins, names, host, port);
  return (options: DialOptions, done: (error: Error | null, socket?: Socket) => void): undefined => {
    const { host: bracketed = '', port = 0 } = options;
    const host = bracketed.replace(/^\[|\]$/g, '');
    const dialled = proxy
      ? dialThrough(proxy, dial, host, port).then(async ({ socket, byProxy }) => {
          if (byProxy) proxied(await firstAddress(names, host));
          return socket;
        })
      : dial(host, port);
    void dialled.then(
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

async function firstAddress(names: Names, host: string): Promise<string | undefined> {
  const late = new Promise<undefined>((resolve) => {
    setTimeout(resolve, addressMs, undefined).unref();
  });
  const found = names.addresses(host).then(
    ([first]) => first?.address,
    () => undefined,
  );
  return Promise.race([found, late]);
}
