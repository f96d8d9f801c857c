/**
 * The TCP side: HTTP with `/healthz`, and the WebSocket upgrade. Everything a stranger can reach is bounded here:
 * connections in all and by address, time for headers, handshakes a second, message size.
 */
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type WebSocket } from 'ws';
import { messageLimit } from '../core/relays/net/relay-channel.js';
import type { Clock } from '../core/lib/env.js';
import { SourceLimiter } from '../core/lib/source-limiter.js';
import { TokenBucket } from '../core/lib/token-bucket.js';
import { relayPath } from '../core/wire/signal.js';
import { sourceKey, type RelayLimits } from './limits.js';

const headersMs = 5_000;
const requestMs = 10_000;
const headersLimit = 8 * 1024;
/** Addresses whose rate of handshakes is remembered. */
const addressesRemembered = 16_384;

export interface DoorOptions {
  readonly limits: RelayLimits;
  readonly clock: Clock;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string } | undefined;
  /** Body of GET /healthz. */
  health(): object;
  connected(socket: WebSocket, observed: string): void;
  /** An upgrade was refused because there were too many. */
  busy(): void;
}

export class HttpDoor {
  readonly #options: DoorOptions;
  readonly #server: Server;
  readonly #webSockets: WebSocketServer;
  readonly #perAddress = new Map<string, number>();
  readonly #handshakes: TokenBucket;
  readonly #handshakesPerAddress: SourceLimiter;

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
    server.maxConnections = limits.connections;
    this.#webSockets = new WebSocketServer({
      noServer: true,
      perMessageDeflate: false,
      maxPayload: messageLimit,
      skipUTF8Validation: true,
      clientTracking: false,
    });
    this.#handshakes = new TokenBucket(
      limits.handshakes,
      limits.handshakes * limits.handshakeBurst,
      clock.now(),
    );
    this.#handshakesPerAddress = new SourceLimiter(
      limits.handshakesPerAddress,
      limits.handshakesPerAddress * limits.handshakeBurst,
      addressesRemembered,
    );
    server.on('connection', (socket) => this.#count(socket));
    server.on('request', (request, response) => this.#answer(request, response));
    server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
    server.on('clientError', (_error, socket) => socket.destroy());
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
        resolve((server.address() as AddressInfo).port);
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

  /** Connections from one address, WebSocket or not. */
  #count(socket: Socket): void {
    const source = sourceKey(socket.remoteAddress ?? '');
    const count = (this.#perAddress.get(source) ?? 0) + 1;
    if (count > this.#options.limits.connectionsPerAddress) {
      socket.destroy();
      return;
    }
    this.#perAddress.set(source, count);
    socket.on('error', () => undefined);
    socket.once('close', () => {
      const left = (this.#perAddress.get(source) ?? 1) - 1;
      if (left > 0) this.#perAddress.set(source, left);
      else this.#perAddress.delete(source);
    });
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
    const now = this.#options.clock.now();
    if (!this.#handshakesPerAddress.take(sourceKey(observed), now) || !this.#handshakes.take(1, now)) {
      this.#options.busy();
      refuse('429 Too Many Requests');
      return;
    }
    this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
      this.#options.connected(webSocket, observed);
    });
  }
}
