/**
 * Doors between TCP of this machine and TCP of the network: one listener that speaks SOCKS5 and HTTP, forwards with a fixed
 * destination, and ports of this machine that members reach.
 *
 *   program ── SOCKS5 | CONNECT | GET http:// ──▶ proxy ──▶ resolve ──▶ stack.connect ──▶ member
 *   program ── 127.0.0.1:8080 ──▶ forward ──────────────▶ resolve ──▶ stack.connect ──▶ member
 *   member ──▶ stack ──▶ exposure ──▶ 127.0.0.1:PORT ──▶ server
 */
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Destination } from './destination.js';
import { parseHttpProxyRequest } from './http-connect.js';
import { formatForward, type Exposure, type UserspaceOptions } from './options.js';
import { encodeSocksReply, parseSocksGreeting, parseSocksRequest, SocksReply } from './socks5.js';
import type { Stack } from './stack.js';
import type { StackSocket } from './stack-socket.js';

/** Programs that hold a connection without saying what they want. */
const requestMs = 20_000;
/** How long a member may take to answer. */
const connectMs = 30_000;
/** Connections at a time, in all. The stack has room for so many. */
export const connectionLimit = 900;
const requestLimit = 16_384;
const retryMs = 1_000;

export interface ProxyParts {
  readonly stack: Stack;
  resolve(host: string): Promise<Destination>;
  log(level: 'info' | 'warn' | 'debug', message: string, fields: Record<string, unknown>): void;
}

/** Why a connection into the network did not come about. */
type Failure = 'outside' | 'unknown' | 'refused' | 'unreachable' | 'busy';
const socksReplies: Record<Failure, number> = {
  outside: SocksReply.notAllowed,
  unknown: SocksReply.hostUnreachable,
  refused: SocksReply.refused,
  unreachable: SocksReply.hostUnreachable,
  busy: SocksReply.failure,
};
const httpStatus: Record<Failure, string> = {
  outside: '403 Forbidden',
  unknown: '502 Bad Gateway',
  refused: '502 Bad Gateway',
  unreachable: '504 Gateway Timeout',
  busy: '503 Service Unavailable',
};
const explanation: Record<Failure, string> = {
  outside: 'evio: this proxy leads to members of the network only',
  unknown: 'evio: no member has this name',
  refused: 'evio: the member refused the connection',
  unreachable: 'evio: the member does not answer',
  busy: 'evio: too many connections',
};

export class Proxy {
  readonly #parts: ProxyParts;
  readonly #servers: Server[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  #closed = false;

  constructor(options: UserspaceOptions, parts: ProxyParts) {
    this.#parts = parts;
    if (options.proxy)
      this.#listen(options.proxy, 'proxy', (socket) => {
        this.#serve(socket);
      });
    for (const forward of options.forwards)
      this.#listen(forward.listen, `forward ${formatForward(forward)}`, (socket) => {
        void this.#reach(forward.host, forward.port).then((there) => {
          if (typeof there === 'string') socket.destroy();
          else join(socket, there);
        });
      });
    for (const exposure of options.exposures) this.#expose(exposure);
  }

  close(): void {
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const server of this.#servers) server.close();
  }

  #listen(at: Endpoint, what: string, taken: (socket: Socket) => void): void {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      socket.on('error', () => socket.destroy());
      taken(socket);
    });
    server.on('listening', () => {
      this.#parts.log('info', 'listening', { for: what, at: formatEndpoint(at) });
    });
    server.on('error', (error) => {
      this.#parts.log('warn', 'cannot listen', { for: what, at: formatEndpoint(at), error: error.message });
      const timer = setTimeout(() => {
        this.#timers.delete(timer);
        if (!this.#closed) server.listen(at.port, at.host);
      }, retryMs);
      this.#timers.add(timer);
    });
    this.#servers.push(server);
    server.listen(at.port, at.host);
  }

  #expose({ port, to }: Exposure): void {
    const taken = this.#parts.stack.listen(port, (socket) => {
      if (this.#parts.stack.connections > connectionLimit) {
        socket.destroy();
        return;
      }
      const local = connect({ host: to.host, port: to.port, allowHalfOpen: true, noDelay: true });
      join(local, socket);
    });
    if (!taken) this.#parts.log('warn', 'cannot expose', { port });
  }

  /** A connection into the network that is open, or why there is none. */
  async #reach(host: string, port: number): Promise<StackSocket | Failure> {
    const { stack } = this.#parts;
    if (stack.connections >= connectionLimit) return 'busy';
    const destination = await this.#parts.resolve(host);
    if (typeof destination === 'string') return destination;
    const socket = stack.connect(destination, port);
    return new Promise((settle) => {
      const timer = setTimeout(() => {
        socket.destroy(new Error('no answer'));
      }, connectMs);
      const failed = (error: Error & { code?: string }): void => {
        clearTimeout(timer);
        settle(error.code === 'ECONNREFUSED' ? 'refused' : error.code === 'ENOBUFS' ? 'busy' : 'unreachable');
      };
      socket.once('error', failed);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.removeListener('error', failed);
        settle(socket);
      });
    });
  }

  /** A program of this machine: its first byte tells what it speaks. */
  #serve(socket: Socket): void {
    let bytes: Buffer = Buffer.alloc(0);
    let greeted = false;
    const timer = setTimeout(() => socket.destroy(), requestMs);
    const over = (): void => {
      clearTimeout(timer);
      socket.removeListener('data', heard);
      socket.removeListener('end', gone);
      socket.pause();
    };
    const gone = (): void => {
      over();
      socket.destroy();
    };
    const heard = (chunk: Buffer): void => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      if (bytes[0] === 5 && !greeted) {
        const greeting = parseSocksGreeting(bytes);
        if (greeting === 'bad') return gone();
        if (greeting === 'more') return;
        if (!greeting.open) {
          over();
          socket.end(Uint8Array.of(5, 0xff));
          return;
        }
        greeted = true;
        bytes = bytes.subarray(greeting.length);
        socket.write(Uint8Array.of(5, 0));
      }
      if (greeted) {
        const request = parseSocksRequest(bytes);
        if (request === 'bad') return gone();
        if (request === 'more') return;
        over();
        if ('reply' in request) {
          socket.end(encodeSocksReply(request.reply));
          return;
        }
        void this.#bridge(socket, request, bytes.subarray(request.length), null, {
          granted: encodeSocksReply(SocksReply.granted),
          refused: (why) => encodeSocksReply(socksReplies[why]),
        });
        return;
      }
      const request = parseHttpProxyRequest(bytes);
      if (request === 'more' && bytes.length < requestLimit) return;
      over();
      if (request === 'more' || request === 'bad') {
        socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
        return;
      }
      void this.#bridge(socket, request, bytes.subarray(request.length), request.head, {
        granted: request.head === null ? 'HTTP/1.1 200 Connection established\r\n\r\n' : '',
        refused: (why) => {
          const body = `${explanation[why]}\n`;
          return `HTTP/1.1 ${httpStatus[why]}\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        },
      });
    };
    socket.on('data', heard);
    socket.on('end', gone);
    socket.on('close', () => {
      clearTimeout(timer);
    });
  }

  async #bridge(
    socket: Socket,
    to: { readonly host: string; readonly port: number },
    early: Uint8Array,
    head: string | null,
    answer: { readonly granted: string | Uint8Array; refused(why: Failure): string | Uint8Array },
  ): Promise<void> {
    const there = await this.#reach(to.host, to.port);
    if (typeof there === 'string') {
      socket.end(answer.refused(there));
      return;
    }
    if (socket.destroyed) {
      there.destroy();
      return;
    }
    if (answer.granted.length > 0) socket.write(answer.granted);
    if (head !== null) there.write(Buffer.from(head, 'latin1'));
    if (early.length > 0) there.write(early);
    join(socket, there);
  }
}

/** What comes out of one goes into the other, half-closed connections included; an error ends both. */
function join(a: Duplex, b: Duplex): void {
  const fail = (other: Duplex) => (error: Error | null | undefined) => {
    if (error) other.destroy();
  };
  pipeline(a, b, fail(a));
  pipeline(b, a, fail(b));
}
