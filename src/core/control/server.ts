/**
 * The control socket of a running node: newline-delimited JSON (schema.ts, methods.ts), for the user that runs the node,
 * and root. The socket's mode says so (0600), and the kernel is asked who connected, in case somebody loosened the mode.
 *
 * What a connection may cost is bounded: length of a line, requests at once, unsent bytes, connections.
 */
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '../lib/env.js';
import { EvioError, messageOf } from '../lib/errors.js';
import { Paced } from '../lib/paced.js';
import { handleDescriptor } from '../native/handle.js';
import { peerUser } from '../native/peer-user.js';
import { LineSplitter } from './lines.js';
import { networkOf, type NodeEvent } from '../node/events.js';
import { methods, type Handlers, type Method } from './methods.js';
import type { Asker } from './method.js';
import { listenExclusively, listenInPlace } from '../process/socket-file.js';

const maxConnections = 64;
const maxRequestsAtOnce = 8;
/** How often a refused user is logged. */
const refusalLogMs = 60_000;
/** A watcher that reads more slowly than this many unsent bytes is cut off. */
const maxUnsentBytes = 1024 * 1024;
/** How long a server that stops waits for answers in the making, ms. */
const farewellMs = 500;

interface Connection {
  readonly socket: Socket;
  readonly splitter: LineSplitter;
  readonly abort: AbortController;
  readonly queue: string[];
  running: number;
  ending: boolean;
  watching: { network: string | undefined } | undefined;
}

/** The user at the other end; undefined where the kernel does not tell. */
function userOf(socket: Socket): number | undefined {
  const fd = handleDescriptor(socket);
  return fd === undefined ? undefined : peerUser(fd);
}

/** Sends what nobody waits for. */
function push(socket: Socket, line: string): void {
  if (socket.writableLength > maxUnsentBytes) socket.destroy();
  else if (socket.writable) socket.write(line);
}

/** Nodes run on Linux only; elsewhere the socket's mode has to do. */
function isOwn(user: number | undefined): boolean {
  return process.platform !== 'linux' || user === 0 || (user !== undefined && user === process.geteuid?.());
}

export class ControlServer {
  readonly #path: string;
  readonly #handlers: Handlers;
  readonly #log: Logger;
  readonly #server: Server;
  readonly #connections = new Set<Connection>();
  readonly #refusalLog = new Paced(refusalLogMs);
  #refused = 0;
  #release: (() => void) | undefined;

  constructor(path: string, handlers: Handlers, log: Logger) {
    this.#path = path;
    this.#handlers = handlers;
    this.#log = log;
    this.#server = createServer((socket) => {
      const user = userOf(socket);
      if (isOwn(user)) this.#accept(socket);
      else this.#turnAway(socket, user);
    });
    this.#server.maxConnections = maxConnections;
  }

  /** Connections of other users that were refused. */
  get refused(): number {
    return this.#refused;
  }

  /** Throws EvioError EVIO_ALREADY_RUNNING, EVIO_STORAGE. */
  async start(): Promise<void> {
    this.#listens(await listenExclusively(this.#server, this.#path));
  }

  /** Takes the socket's path over from the process that this one follows. Throws EvioError EVIO_STORAGE. */
  async startInPlace(): Promise<void> {
    this.#listens(await listenInPlace(this.#server, this.#path));
  }

  #listens(release: () => void): void {
    this.#release = release;
    this.#server.on('error', (error) => {
      this.#log.warn('control socket failed', { error: error.message });
    });
  }

  /** Removes the socket, lets requests in hand be answered, and hangs up. Idempotent. */
  async stop(): Promise<void> {
    this.#release?.();
    this.#release = undefined;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const connection of this.#connections) {
      connection.abort.abort();
      this.#hangUpWhenIdle(connection);
    }
    const patience = setTimeout(() => {
      for (const { socket } of this.#connections) socket.destroy();
    }, farewellMs);
    await closed;
    clearTimeout(patience);
  }

  #hangUpWhenIdle(connection: Connection): void {
    connection.ending = true;
    if (connection.running === 0) connection.socket.end();
  }

  /** Sends an event to those who watch its network. */
  publish(event: NodeEvent): void {
    const network = networkOf(event);
    const line = `${JSON.stringify(event)}\n`;
    for (const { socket, watching } of this.#connections) {
      if (!watching || (watching.network !== undefined && watching.network !== network)) continue;
      push(socket, line);
    }
  }

  /** What it says is thrown away; unread, it would take our answer with it. */
  #turnAway(socket: Socket, user: number | undefined): void {
    this.#refused++;
    if (this.#refusalLog.due(`${user}`, performance.now()))
      this.#log.warn('control socket refused another user', { user: user ?? 'unknown' });
    const error = new EvioError('EVIO_NO_PRIVILEGE', 'The node belongs to another user.', [
      'Run the command as the user that runs the node, for example with sudo.',
    ]);
    socket.on('error', () => undefined);
    socket.resume();
    socket.end(`${JSON.stringify({ id: null, error: error.toJSON().error })}\n`);
    setTimeout(() => socket.destroy(), farewellMs).unref();
  }

  #accept(socket: Socket): void {
    const connection: Connection = {
      socket,
      splitter: new LineSplitter(),
      abort: new AbortController(),
      queue: [],
      running: 0,
      ending: false,
      watching: undefined,
    };
    this.#connections.add(connection);
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      const lines = connection.splitter.push(chunk);
      if (!lines) {
        this.#refuse(connection, undefined, new EvioError('EVIO_BAD_VALUE', 'The request is too long.'));
        socket.destroySoon();
        return;
      }
      connection.queue.push(...lines);
      this.#work(connection);
    });
    socket.on('drain', () => {
      this.#work(connection);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      connection.abort.abort();
      this.#connections.delete(connection);
    });
  }

  /** Starts requests while the asker keeps up; reading pauses when it does not. */
  #work(connection: Connection): void {
    const { socket, queue } = connection;
    const mayRun = (): boolean => connection.running < maxRequestsAtOnce && !socket.writableNeedDrain;
    while (queue.length > 0 && mayRun() && !socket.destroyed) {
      const line = queue.shift() as string;
      if (line.trim() === '') continue;
      connection.running++;
      void this.#serve(connection, line).finally(() => {
        connection.running--;
        if (connection.ending) this.#hangUpWhenIdle(connection);
        else this.#work(connection);
      });
    }
    if (queue.length > 0 || !mayRun()) socket.pause();
    else socket.resume();
  }

  async #serve(connection: Connection, line: string): Promise<void> {
    let id: unknown;
    try {
      let request: { id?: unknown; method?: unknown; params?: unknown } | null;
      try {
        request = JSON.parse(line) as typeof request;
      } catch {
        throw new EvioError('EVIO_BAD_VALUE', 'The request is not JSON.');
      }
      if (typeof request !== 'object' || request === null)
        throw new EvioError('EVIO_BAD_VALUE', 'The request is not an object.');
      if (typeof request.id === 'number' || typeof request.id === 'string') id = request.id;
      const result = await this.#call(connection, request.method, request.params ?? {});
      this.#send(connection, { id: id ?? null, result });
    } catch (thrown) {
      this.#refuse(connection, id, thrown);
    }
  }

  #call(connection: Connection, method: unknown, params: unknown): unknown {
    if (typeof method !== 'string' || !Object.hasOwn(methods, method)) {
      throw new EvioError('EVIO_BAD_VALUE', 'The node does not know this request.', [
        'Have the node run the version installed now: evio upgrade',
      ]);
    }
    const parsed = methods[method as Method].request.safeParse(params);
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new EvioError(
        'EVIO_BAD_VALUE',
        `${issue?.path.join('.') || 'params'}: ${issue?.message ?? 'invalid'}.`,
      );
    }
    const handler = this.#handlers[method as Method] as (params: unknown, asker: Asker) => unknown;
    return handler(parsed.data, {
      signal: connection.abort.signal,
      watch: (network) => {
        connection.watching = { network };
      },
      tellKeys: (keys) => {
        push(connection.socket, `${JSON.stringify({ keys })}\n`);
      },
    });
  }

  #refuse(connection: Connection, id: unknown, thrown: unknown): void {
    if (!(thrown instanceof EvioError))
      this.#log.error('control request failed', { error: messageOf(thrown) });
    const error =
      thrown instanceof EvioError
        ? thrown
        : new EvioError('EVIO_INTERNAL', `The node failed: ${messageOf(thrown)}.`);
    this.#send(connection, { id: id ?? null, error: error.toJSON().error });
  }

  #send({ socket }: Connection, answer: unknown): void {
    if (!socket.destroyed && socket.writable) socket.write(`${JSON.stringify(answer)}\n`);
  }
}
