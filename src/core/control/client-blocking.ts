/**
 * Asks a running node and waits for the answer, without an event loop: for the plugin that a pod waits for, where loading `node:net`
 * takes longer than all that is asked.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { StringDecoder } from 'node:string_decoder';
import { Arena } from '../native/arena.js';
import { Errno, libc, PollEvent, Pollfd, Socket } from '../native/libc.js';
import { bind } from '../native/symbols.js';
import { AF_UNIX, unixAddressBytes, writeUnixAddress } from '../native/unix-address.js';
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
import type { Method, Params, Result } from './methods.js';

const SOCK_STREAM = 1;
const readBytes = 64 * 1024;

export class BlockingClient {
  readonly #socket: number;
  readonly #arena = new Arena(Pollfd.size);
  #nextId = 1;
  readonly #decoder = new StringDecoder('utf8');
  readonly #splitter = new LineSplitter(maxAnswerLength);
  /** Read, and not looked at yet. */
  #lines: string[] = [];

  private constructor(socket: number) {
    this.#socket = socket;
  }

  /**
   * Connects to the node whose control socket has this path, does `work`, and hangs up.
   *
   * @throws EvioError EVIO_NOT_RUNNING, EVIO_NO_PRIVILEGE when the socket belongs to somebody else, and what `work` throws
   */
  static use<T>(path: string, work: (client: BlockingClient) => T): T {
    const c = libc();
    const arena = new Arena(unixAddressBytes);
    const length = writeUnixAddress(arena, 0, path);
    if (length === 0) throw notRunning();
    const socket = c.socket(AF_UNIX, SOCK_STREAM | Socket.SOCK_CLOEXEC, 0);
    if (socket < 0) throw notRunning();
    try {
      if (bind('int connect(int fd, uintptr_t address, uint32_t length)')(socket, arena.base, length) < 0) {
        const errno = c.errno();
        throw errno === Errno.EACCES || errno === Errno.EPERM ? notOurs(path) : notRunning();
      }
      return work(new BlockingClient(socket));
    } finally {
      closeSync(socket);
    }
  }

  /** Calls the node once. Throws EvioError as the node answers it, EVIO_TIMEOUT, EVIO_NOT_RUNNING when it ends. */
  request<M extends Exclude<Method, 'watch'>>(method: M, params: Params<M>): Result<M> {
    const id = this.#nextId++;
    const end = performance.now() + answerTimeoutMs;
    this.#write(`${JSON.stringify({ id, method, params })}\n`);
    for (;;) {
      const answer = parse(this.#line(end));
      // Turned away at the door: nothing of what was asked was read.
      if (answer.id !== id && answer.id !== null) continue;
      if (answer.error) throw refusalOf(answer.error);
      return answer.result as Result<M>;
    }
  }

  #write(text: string): void {
    const bytes = Buffer.from(text);
    try {
      for (let at = 0; at < bytes.length;) at += writeSync(this.#socket, bytes, at);
    } catch {
      throw notRunning();
    }
  }

  /** The next line that the node wrote. */
  #line(end: number): string {
    for (;;) {
      const line = this.#lines.shift();
      if (line !== undefined) return line;
      const lines = this.#splitter.push(this.#decoder.write(this.#read(end)));
      if (!lines) throw notRunning();
      this.#lines = lines;
    }
  }

  /** What there is to read, as soon as there is something. */
  #read(end: number): Buffer {
    const c = libc();
    const { base, view } = this.#arena;
    view.setInt32(Pollfd.fd, this.#socket, true);
    view.setInt16(Pollfd.events, PollEvent.in, true);
    for (;;) {
      const left = Math.ceil(end - performance.now());
      const ready = left <= 0 ? 0 : c.poll(base, 1, left);
      if (ready === 0) throw noAnswer(answerTimeoutMs);
      if (ready < 0 && c.errno() === Errno.EINTR) continue;
      const chunk = Buffer.allocUnsafe(readBytes);
      const length = ready < 0 ? 0 : read(this.#socket, chunk);
      if (length === 0) throw notRunning();
      return chunk.subarray(0, length);
    }
  }
}

/** Bytes that were read; 0 when the node has hung up. */
function read(socket: number, chunk: Buffer): number {
  try {
    return readSync(socket, chunk);
  } catch {
    return 0;
  }
}

function parse(line: string): Answer {
  try {
    return JSON.parse(line) as Answer;
  } catch {
    throw notRunning();
  }
}

/** Connects, asks once and hangs up. Throws as `BlockingClient`. */
export function askBlocking<M extends Exclude<Method, 'watch'>>(
  path: string,
  method: M,
  params: Params<M>,
): Result<M> {
  return BlockingClient.use(path, (client) => client.request(method, params));
}
