/** The talk between a process and its successor: messages in order, each waited for by name. */
import type { Duplex } from 'node:stream';
import { z } from 'zod';
import { EvioError, messageOf } from '../lib/errors.js';
import { encodeFrame, FrameReader } from './frames.js';

/** Every message has a type, and most are about one network or relay. */
export const message = z.looseObject({ type: z.string(), id: z.string().optional() });
export type Message = z.infer<typeof message>;

export interface Received {
  readonly message: Message;
  readonly blob: Uint8Array;
}

export class Channel {
  readonly #stream: Duplex;
  readonly #waiting: Received[] = [];
  #wake: () => void = () => undefined;
  /** Why nothing more comes. */
  #ended: string | undefined;
  #gone = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    const reader = new FrameReader();
    stream.on('data', (chunk: Buffer) => {
      try {
        for (const { head, blob } of reader.push(new Uint8Array(chunk)))
          this.#waiting.push({ message: message.parse(head), blob });
      } catch (thrown) {
        this.#end(messageOf(thrown));
      }
      chunk.fill(0);
      this.#wake();
    });
    stream.on('error', (error) => {
      // Whoever is killed with something unread leaves a reset, before the end is told.
      this.#gone = true;
      this.#end(error.message);
    });
    for (const event of ['end', 'close'])
      stream.on(event, () => {
        this.#gone = true;
        this.#end('it ended');
      });
  }

  /** The other side has closed its end, or the system did as it ended. */
  get gone(): boolean {
    return this.#gone;
  }

  /** Resolves when the system has taken it; the blob may be wiped then. Throws nothing: who waits for an answer learns it. */
  send(type: string, facts: object = {}, blob?: Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      if (this.#stream.destroyed || !this.#stream.writable) {
        resolve();
        return;
      }
      const parts = encodeFrame({ ...facts, type }, blob);
      this.#stream.write(Buffer.concat(parts), () => {
        resolve();
      });
    });
  }

  /** The next message, which must be of one of these types. Throws EvioError EVIO_UPGRADE after the time, at the end, and for others. */
  async expect(types: readonly string[], timeoutMs: number): Promise<Received> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const next = this.#waiting.shift();
      if (next) {
        if (types.includes(next.message.type)) return next;
        const { type, reason } = next.message;
        const why = typeof reason === 'string' ? reason : `it said ${type}`;
        throw new EvioError('EVIO_UPGRADE', `The other process did not go on: ${why}`);
      }
      if (this.#ended !== undefined)
        throw new EvioError('EVIO_UPGRADE', `The other process is gone: ${this.#ended}.`);
      const left = end - performance.now();
      if (left <= 0)
        throw new EvioError('EVIO_UPGRADE', `The other process took too long (${types.join()}).`);
      await this.#news(end);
    }
  }

  /** Resolves when something happened, or the time has come. One waits at a time. */
  #news(end: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, end - performance.now());
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Nothing more is expected, for this reason: whoever waits learns it now. */
  fail(reason: string): void {
    this.#end(reason);
  }

  /** Resolves true once no process holds the other end any more, false after the time. */
  async over(timeoutMs: number): Promise<boolean> {
    const end = performance.now() + timeoutMs;
    while (!this.#gone && performance.now() < end) await this.#news(end);
    return this.#gone;
  }

  /** Keeps no process alive any more. */
  letGo(): void {
    (this.#stream as { unref?: () => void }).unref?.();
  }

  close(): void {
    this.#stream.destroy();
  }

  #end(reason: string): void {
    this.#ended ??= reason;
    this.#wake();
  }
}
