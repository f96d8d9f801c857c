/**
 * Asks a running node and waits for the answer, without an event loop: for the plugin that a pod waits for, where loading `node:net`
 * takes longer than all that is asked.
 */
import { closeSync, readSync, writeSync } from 'node:fs';
import { Arena } from '../native/arena.js';
import { Errno, libc, PollEvent, Pollfd, Socket } from '../native/libc.js';
import { bind } from '../native/symbols.js';
import {
  answerTimeoutMs,
  maxAnswerLength,
  noAnswer,
  notOurs,
  notRunning,
  refusalOf,
  type Answer,
} from './client-errors.js';
import type { Method, Params, Result } from './methods.js';

/** `<sys/un.h>`: family 2 | path, ended by a zero */
const AF_UNIX = 1;
const SOCK_STREAM = 1;
const pathAt = 2;
const addressBytes = 110;
const readBytes = 64 * 1024;

export class BlockingClient {
  readonly #socket: number;
  readonly #arena = new Arena(Pollfd.size);
  #nextId = 1;
  /** What was read beyond the last answer. */
  #rest: Buffer = Buffer.alloc(0);

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
    const arena = new Arena(addressBytes);
    arena.view.setUint16(0, AF_UNIX, true);
    arena.setText(pathAt, path);
    const socket = c.socket(AF_UNIX, SOCK_STREAM | Socket.SOCK_CLOEXEC, 0);
    if (socket < 0) throw notRunning();
    try {
      if (
        bind('int connect(int fd, uintptr_t address, uint32_t length)')(socket, arena.base, addressBytes) < 0
      ) {
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
    const pieces: Buffer[] = [this.#rest];
    for (let length = 0; length <= maxAnswerLength;) {
      const last = pieces.at(-1) as Buffer;
      const at = last.indexOf('\n');
      if (at >= 0) {
        this.#rest = last.subarray(at + 1);
        return Buffer.concat([...pieces.slice(0, -1), last.subarray(0, at)]).toString('utf8');
      }
      const piece = this.#read(end);
      length += piece.length;
      pieces.push(piece);
    }
    throw notRunning();
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
