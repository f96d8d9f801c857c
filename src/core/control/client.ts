/** Asks a running node. Loads nothing heavy: `evio status` in a script should cost little more than Node itself. */
import { createConnection, type Socket } from 'node:net';
import {
  answerTimeoutMs,
  maxAnswerLength,
  noAnswer,
  notOurs,
  notRunning,
  refusalOf,
  type Answer,
} from './client-errors.js';
import { LineSplitter } from './lines.js';
import type { NodeEvent } from '../node/events.js';
import type { Method, Params, Result } from './methods.js';

export { notRunning };

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
  cancelTimer(): void;
}

export class ControlClient {
  readonly #socket: Socket;
  readonly #splitter = new LineSplitter(maxAnswerLength);
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #onEvent: ((event: NodeEvent) => void) | undefined;
  #onKeys: ((lines: string) => void) | undefined;
  #onClose: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => {
      this.#receive(chunk);
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#end();
    });
  }

  /**
   * Connects to the node whose control socket has this path.
   *
   * @throws EvioError EVIO_NOT_RUNNING, EVIO_NO_PRIVILEGE when the socket belongs to somebody else.
   */
  static connect(path: string): Promise<ControlClient> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path);
      socket.once('connect', () => {
        socket.removeAllListeners('error');
        resolve(new ControlClient(socket));
      });
      socket.once('error', (error: NodeJS.ErrnoException) => {
        reject(error.code === 'EACCES' || error.code === 'EPERM' ? notOurs(path) : notRunning());
      });
    });
  }

  /** Calls the node once. Throws EvioError as the node answers it, EVIO_TIMEOUT, EVIO_NOT_RUNNING when it ends. */
  request<M extends Exclude<Method, 'watch'>>(
    method: M,
    params: Params<M>,
    timeoutMs: number = answerTimeoutMs,
  ): Promise<Result<M>> {
    return this.#send(method, params, timeoutMs) as Promise<Result<M>>;
  }

  /** Receives events until the connection ends; resolves once the node has begun to send them. */
  async watch(
    params: Params<'watch'>,
    onEvent: (event: NodeEvent) => void,
    onClose?: () => void,
  ): Promise<void> {
    this.#onEvent = onEvent;
    this.#onClose = onClose;
    await this.#send('watch', params, answerTimeoutMs);
  }

  /**
   * The session keys of a network, as lines of a key log: resolves to those there are. Each that comes later is told until the
   * connection ends.
   */
  async sessionKeys(
    params: Params<'sessionKeys'>,
    onKeys: (lines: string) => void,
    onClose: () => void,
  ): Promise<string> {
    this.#onKeys = onKeys;
    this.#onClose = onClose;
    const { keys } = await this.request('sessionKeys', params);
    return keys;
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(method: Method, params: unknown, timeoutMs: number): Promise<unknown> {
    if (this.#socket.destroyed) return Promise.reject(notRunning());
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(noAnswer(timeoutMs));
      }, timeoutMs);
      const cancelTimer = (): void => {
        clearTimeout(timer);
      };
      this.#waiting.set(id, { resolve, reject, cancelTimer });
      this.#socket.write(`${JSON.stringify({ id, method, params })}\n`);
    });
  }

  #receive(chunk: string): void {
    const lines = this.#splitter.push(chunk);
    if (!lines) {
      this.#socket.destroy();
      return;
    }
    for (const line of lines) {
      let answer: Answer;
      try {
        answer = JSON.parse(line) as Answer;
      } catch {
        this.#socket.destroy();
        return;
      }
      if (answer.event !== undefined) this.#onEvent?.(answer as unknown as NodeEvent);
      else if (answer.keys !== undefined) this.#onKeys?.(answer.keys);
      else this.#answer(answer);
    }
  }

  #answer({ id, result, error }: Answer): void {
    // Turned away at the door: nothing of what was asked was read.
    if (id === null && error)
      for (const known of [...this.#waiting.keys()]) this.#answer({ id: known, error });
    const waiting = id === undefined || id === null ? undefined : this.#waiting.get(id);
    if (id === undefined || id === null || !waiting) return;
    this.#waiting.delete(id);
    waiting.cancelTimer();
    if (!error) {
      waiting.resolve(result);
      return;
    }
    waiting.reject(refusalOf(error));
  }

  #end(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.cancelTimer();
      waiting.reject(notRunning());
    }
    this.#waiting.clear();
    this.#onClose?.();
  }
}

/** Connects, asks once and hangs up. */
export async function ask<M extends Exclude<Method, 'watch'>>(
  path: string,
  method: M,
  params: Params<M>,
  timeoutMs?: number,
): Promise<Result<M>> {
  const client = await ControlClient.connect(path);
  try {
    return await client.request(method, params, timeoutMs);
  } finally {
    client.close();
  }
}
