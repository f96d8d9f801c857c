/**
 * The TCP side: HTTP with `/healthz`, and the WebSocket upgrade. Everything a stranger can reach is bounded here: who comes
 * in (door-keeper.ts), time for headers, size and pieces of a message, and what a connection may say in all before somebody
 * registered by it. That is less than one message, so what a stranger leaves in memory is known (docs/rendezvous.md).
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { messageLimit } from '../core/relays/net/relay-channel.js';
import type { Clock } from '../core/lib/env.js';
import { EvioError, messageOf } from '../core/lib/errors.js';
import { descriptorOf, listenAtDescriptor } from '../core/native/listening.js';
import { shortenSegments } from '../core/native/tcp.js';
import { relayPath } from '../core/wire/signal.js';
import { DoorKeeper, type DoorRefusal, type Guest } from './door-keeper.js';
import type { RelayLimits } from './limits.js';
import type { TlsPair } from './tls-files.js';

const headersMs = 5_000;
const requestMs = 10_000;
const headersLimit = 8 * 1024;
/** Frames of a message: our own nodes send one, a proxy may cut it in a few. Each may hold a whole read in memory. */
const maxFragments = 16;
/** Reads that may wait for the rest of a frame. A full message takes 130 of the smallest TCP segments. */
const maxBufferedChunks = 1_024;

export interface DoorOptions {
  readonly limits: RelayLimits;
  readonly clock: Clock;
  /** PEM texts. */
  readonly tls: TlsPair | undefined;
  /** Body of GET /healthz. */
  health(): object;
  /** A WebSocket is open; `admitted` is to be called when a member registered by it. */
  connected(socket: WebSocket, observed: string, admitted: () => void): void;
  /** A connection or an upgrade was refused, or ended since it said too much. */
  refused(reason: DoorRefusal | 'too-much'): void;
}

export class HttpDoor {
  readonly #options: DoorOptions;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;
  readonly #keeper: DoorKeeper;
  /** By address and port of the other side: TLS wraps the socket that came in. */
  readonly #guests = new Map<string, Guest>();

  /** @throws Error when certificate and key do not fit */
  constructor(options: DoorOptions) {
    this.#options = options;
    const { limits, tls, clock } = options;
    const common = { maxHeaderSize: headersLimit, connectionsCheckingInterval: 1_000 };
    this.#server = tls
      ? createHttpsServer({ ...common, cert: tls.cert, key: tls.key, handshakeTimeout: headersMs })
      : createHttpServer(common);
    const server = this.#server;
    server.headersTimeout = headersMs;
    server.requestTimeout = requestMs;
    server.keepAliveTimeout = headersMs;
    // Beyond those that are counted, and refused with a reason.
    server.maxConnections = limits.connections + 64;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: messageLimit,
      maxFragments,
      maxBufferedChunks,
      skipUTF8Validation: true,
      clientTracking: false,
    });
    this.#keeper = new DoorKeeper(limits, clock.now());
    server.on('connection', (socket) => this.#enter(socket));
    server.on('request', (request, response) => this.#answer(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    server.on('clientError', (_error, socket) => socket.destroy());
  }

  /** Another certificate from now on, for who comes. Throws EvioError EVIO_BAD_VALUE where it does not fit its key. */
  renew(tls: TlsPair): void {
    if (!('setSecureContext' in this.#server)) return;
    try {
      (this.#server as HttpsServer).setSecureContext({ ...tls });
    } catch (thrown) {
      throw new EvioError('EVIO_BAD_VALUE', `The TLS files cannot be used: ${messageOf(thrown)}.`);
    }
  }

  /** Resolves to the port. Rejects with the system's error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const server = this.#server;
      server.once('error', reject);
      server.listen({ host, port, ipv6Only: false, backlog: 1024 }, () => {
        server.off('error', reject);
        // Such as EMFILE on accept: those who are in stay in.
        server.on('error', () => undefined);
        shortenSegments(descriptorOf(server));
        resolve((server.address() as AddressInfo).port);
      });
    });
  }

  /** The socket at which it listens. Throws Error where there is none. */
  get descriptor(): number {
    return descriptorOf(this.#server);
  }

  /** Listens at a socket that the process before left. */
  async listenAt(fd: number): Promise<void> {
    await listenAtDescriptor(this.#server, fd);
    this.#server.on('error', () => undefined);
  }

  /** Counts a connection that the process before let in and keeps. */
  adopt(observed: string): { readonly admitted: () => void; readonly left: () => void } {
    const guest = this.#keeper.enter(observed);
    if (typeof guest === 'string') return { admitted: () => undefined, left: () => undefined };
    return {
      admitted: () => {
        this.#keeper.admitted(guest);
      },
      left: () => {
        this.#keeper.leave(guest);
      },
    };
  }

  /** Another process listens: nobody is let in any more, and who is in stays. Resolves when no request is under way. */
  leaveListening(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  /** Stops accepting and ends what is open, WebSockets included. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }

  #enter(socket: Socket): void {
    const guest = this.#keeper.enter(socket.remoteAddress ?? '');
    if (typeof guest === 'string') {
      this.#options.refused(guest);
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    this.#guests.set(name, guest);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      this.#guests.delete(name);
      this.#keeper.leave(guest);
    });
  }

  /** Ends a connection that says more than it takes to register. Returns what ends the watching. */
  #watch(socket: Duplex, head: number): () => void {
    const { strangerBytes, strangerPieces } = this.#options.limits;
    let bytes = head;
    let pieces = 0;
    const heard = (data: Buffer): void => {
      bytes += data.length;
      if (bytes <= strangerBytes && ++pieces <= strangerPieces) return;
      socket.off('data', heard);
      this.#options.refused('too-much');
      socket.destroy();
    };
    socket.on('data', heard);
    return () => socket.off('data', heard);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    if (request.url !== '/healthz' || (request.method !== 'GET' && request.method !== 'HEAD')) {
      response.writeHead(404, { 'content-length': 0, connection: 'close' }).end();
      return;
    }
    const body = `${JSON.stringify(this.#options.health())}\n`;
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
      'cache-control': 'no-store',
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined);
    const refuse = (status: string): void => {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
        socket.destroy(),
      );
    };
    if (request.url !== relayPath) {
      refuse('404 Not Found');
      return;
    }
    // The TCP source. Forwarding headers are whatever a client writes into them, so they are not read.
    const observed = (request.socket.remoteAddress ?? '').replace(/^::ffff:(?=\d+\.)/i, '');
    const guest = this.#guests.get(nameOf(request.socket));
    if (!guest || !this.#keeper.mayShake(guest, this.#options.clock.now())) {
      this.#options.refused('busy');
      refuse('429 Too Many Requests');
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      const stopWatching = this.#watch(socket, head.length);
      this.#options.connected(webSocket, observed, () => {
        stopWatching();
        this.#keeper.admitted(guest);
      });
    });
  }
}

function nameOf({ remoteAddress, remotePort }: Socket): string {
  return `${remoteAddress}|${remotePort}`;
}
