/** A TCP connection of a `Stack` as a stream of Node. */
import { Duplex } from 'node:stream';

/** What a connection asks of its stack. */
export interface SocketEngine {
  room(id: number): number;
  send(id: number, bytes: Uint8Array): boolean;
  flush(id: number): void;
  taken(id: number, length: number): void;
  finish(id: number): void;
  /** The connection is done; `reset`: whatever is under way is lost. */
  forget(id: number, reset: boolean): void;
}

type Done = (error?: Error | null) => void;

export class StackSocket extends Duplex {
  readonly #id: number;
  readonly #engine: SocketEngine;
  /** What is still to be sent, and whom to tell then. */
  #left: Buffer | undefined;
  #done: Done | undefined;
  #closing: Done | undefined;
  #open = false;
  #over: boolean;
  /** Bytes that were handed up while nobody wanted them. */
  #untaken = 0;
  #wanted = false;

  /** @param id of the connection; negative: there is none */
  constructor(id: number, engine: SocketEngine) {
    super({ allowHalfOpen: true, autoDestroy: true, highWaterMark: 256 * 1024 });
    this.#id = id;
    this.#engine = engine;
    this.#over = id < 0;
  }

  /** It was opened, and may be over since. */
  get isOpen(): boolean {
    return this.#open;
  }

  // What the stack tells.

  opened(): void {
    this.#open = true;
    this.emit('connect');
    this.#pump();
    this.#close();
  }

  arrived(bytes: Buffer): void {
    if (this.destroyed) return;
    this.#wanted = this.push(bytes);
    if (this.#wanted) this.#engine.taken(this.#id, bytes.length);
    else this.#untaken += bytes.length;
  }

  finished(): void {
    if (!this.destroyed) this.push(null);
  }

  drained(): void {
    this.#pump();
  }

  /** lwIP has given the connection up. */
  ended(error: Error): void {
    if (this.#over) return;
    this.#over = true;
    this.#engine.forget(this.#id, false);
    this.destroy(error);
  }

  // What the stream asks.

  override _read(): void {
    this.#wanted = true;
    const taken = this.#untaken;
    this.#untaken = 0;
    if (taken > 0 && !this.#over) this.#engine.taken(this.#id, taken);
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#left = chunk;
    this.#done = done;
    this.#pump();
  }

  override _final(done: Done): void {
    this.#closing = done;
    this.#close();
  }

  override _destroy(error: Error | null, done: Done): void {
    if (!this.#over) {
      this.#over = true;
      this.#engine.forget(this.#id, error !== null || !this.writableFinished || !this.readableEnded);
    }
    done(error);
  }

  #close(): void {
    const done = this.#closing;
    if (!done || !this.#open) return;
    this.#closing = undefined;
    if (!this.#over) this.#engine.finish(this.#id);
    done();
  }

  #pump(): void {
    if (!this.#left || !this.#open || this.#over) return;
    let sent = false;
    while (this.#left.length > 0) {
      const part: Buffer = this.#left.subarray(0, this.#engine.room(this.#id));
      if (part.length === 0 || !this.#engine.send(this.#id, part)) break;
      sent = true;
      this.#left = this.#left.subarray(part.length);
    }
    const done = this.#left.length === 0 ? this.#done : undefined;
    if (done) {
      this.#left = undefined;
      this.#done = undefined;
    }
    if (sent) this.#engine.flush(this.#id);
    done?.();
  }
}
