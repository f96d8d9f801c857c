/**
 * TCP connections to relays: to the first address that answers; by a certain interface, whatever the routes of the machine say, while
 * routes lead everything through the network itself (surroundings/ways-out.ts); and through a proxy, where the operator names one.
 */
import type { LookupAddress } from 'node:dns';
import { once } from 'node:events';
import { isIP, Socket } from 'node:net';
import { connect as connectTls, type ConnectionOptions } from 'node:tls';
import { EvioError } from '../../lib/errors.js';
import type { ProxyChoice } from '../../lib/proxy-url.js';
import { openTcp } from '../../native/tcp.js';
import { firstToAnswer } from './first-to-answer.js';
import { dialThrough, type Dial } from './proxied-dial.js';
import { resolverPatienceMs, type Names } from './relay-names.js';

/** The interface that sockets of a family are pinned to; undefined: the kernel's routes decide. */
export type Pins = (ipv6: boolean) => string | undefined;

/** Connects to the first address of the name that answers. Rejects with the resolver's error, or that of the first address. */
async function dial(
  { pins, names }: RelayRoute,
  host: string,
  port: number,
  until: AbortSignal,
): Promise<Socket> {
  const addresses = await names.addresses(host);
  if (addresses.length === 0) throw new EvioError('EVIO_RELAY_UNREACHABLE', `${host} has no address`);
  const begin = ({ address, family }: LookupAddress): Socket => {
    const fd = openTcp(family === 6, pins?.(family === 6));
    // Connected before libuv first waits: a socket that is none yet cannot be read.
    const socket = fd === undefined ? new Socket() : new Socket({ fd });
    return socket.connect({ host: address, port });
  };
  return firstToAnswer(addresses, begin, until);
}

/** Of `http.request` and `ws`. */
interface DialOptions {
  readonly host?: string | null | undefined;
  readonly port?: number | string | null | undefined;
}

/** How a relay is reached. */
export interface RelayRoute {
  /** Default: as routes say. */
  readonly pins?: Pins | undefined;
  readonly names: Names;
  readonly proxy?: ProxyChoice | undefined;
  /** The connection goes by the proxy. The relay's own address, where its name is known here. */
  readonly proxied?: (address: string | undefined) => void;
  /** The connection is not wanted any more, if it does not stand yet. */
  readonly until: AbortSignal;
}

/**
 * How long an address of a relay behind a proxy is waited for, ms: nothing but its UDP depends on it. Longer than `RelayNames` takes to
 * give what it knows from before.
 */
const addressMs = resolverPatienceMs + 500;

/** What `http.request` and `ws` call for a connection. */
export function relayConnection(route: RelayRoute, secure: boolean) {
  return (options: DialOptions, done: (error: Error | null, socket: Socket) => void): undefined => {
    const host = (options.host ?? '').replace(/^\[|\]$/g, '');
    const servername = isIP(host) === 0 ? host : '';
    dialRelay(route, host, Number(options.port)).then(
      (socket) => {
        const tls: ConnectionOptions = {
          ...(options as ConnectionOptions),
          path: undefined,
          socket,
          servername,
        };
        done(null, secure ? connectTls(tls) : socket);
      },
      (thrown: unknown) => {
        done(thrown instanceof Error ? thrown : new Error(String(thrown)), undefined as never);
      },
    );
    return undefined;
  };
}

/** To the relay at this address, by the proxy where there is one. Rejects as `dial`, or with what the proxy said. */
export async function dialRelay(route: RelayRoute, host: string, port: number): Promise<Socket> {
  const { proxy, names, until } = route;
  const dialled: Dial = (...to) => dial(route, ...to);
  if (!proxy) return dialled(host, port, until);
  const address = firstAddress(names, host);
  const { socket, byProxy } = await dialThrough(proxy, dialled, host, port, until);
  if (byProxy) route.proxied?.(await whileUp(socket, address));
  return socket;
}

/** Rejects when the connection ends before that. Nobody else listens to it yet, and an error that nobody hears ends the process. */
async function whileUp<T>(socket: Socket, work: Promise<T>): Promise<T> {
  const done = new AbortController();
  const ended = once(socket, 'close', { signal: done.signal }).then(() => {
    throw Object.assign(new Error('the proxy hung up'), { code: 'ECONNRESET' });
  });
  try {
    return await Promise.race([work, ended]);
  } finally {
    done.abort();
  }
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
