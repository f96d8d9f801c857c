/**
 * Between a relay's process that left and the one after it, on a socket pair that nobody else has: the WebSockets stay with the
 * one that left (TLS cannot be given away), and what comes and goes by them is passed through whole.
 *
 *   length of what follows 4 | kind 1 | connection 4 | bytes        numbers little endian
 *
 *   left ──▶ next   binary, text: a message that came · heard · closed · open: address of a newcomer · sent: one message left
 *   next ──▶ left   send: a message to go · close: code 2, reason · terminate · admitted
 */
import type { Duplex } from 'node:stream';

export const PipeKind = {
  binary: 1,
  text: 2,
  heard: 3,
  closed: 4,
  open: 5,
  sent: 6,
  send: 7,
  close: 8,
  terminate: 9,
  admitted: 10,
} as const;

const head = 5;
const prefix = 4 + head;
/** Longest frame; a message of a node is far shorter. */
const frameLimit = 1 << 20;
const nothing = new Uint8Array(0);

export interface PipeListener {
  /** The bytes are the listener's own. */
  frame(kind: number, connection: number, bytes: Buffer): void;
  /** There is room again after `write` returned false. */
  drained(): void;
  /** The other process is gone, or sent what it never sends. Told once. */
  ended(): void;
}

export class Pipe {
  readonly #stream: Duplex;
  #listener: PipeListener | undefined;
  #rest = Buffer.alloc(0);
  #ended = false;

  constructor(stream: Duplex) {
    this.#stream = stream;
    stream.on('error', () => undefined); // 'close' follows
    stream.on('close', () => {
      this.#end();
    });
    stream.on('drain', () => this.#listener?.drained());
  }

  /** From now on frames are told; until then they wait. */
  listen(listener: PipeListener): void {
    this.#listener = listener;
    this.#stream.on('data', (chunk: Buffer) => {
      this.#read(chunk);
    });
    this.#stream.on('end', () => {
      this.#end();
    });
    if (this.#stream.destroyed) this.#end();
  }

  /** False when the other side should be given time. */
  write(kind: number, connection: number, bytes: Uint8Array = nothing): boolean {
    if (this.#ended || !this.#stream.writable) return true;
    const frame = Buffer.allocUnsafe(prefix + bytes.length);
    frame.writeUInt32LE(head + bytes.length, 0);
    frame[4] = kind;
    frame.writeUInt32LE(connection, 5);
    frame.set(bytes, prefix);
    return this.#stream.write(frame);
  }

  /** What was written still arrives. */
  close(): void {
    this.#stream.end();
  }

  #read(chunk: Buffer): void {
    const all = this.#rest.length > 0 ? Buffer.concat([this.#rest, chunk]) : chunk;
    let at = 0;
    while (all.length - at >= 4) {
      const length = all.readUInt32LE(at);
      if (length < head || length > frameLimit) {
        this.#stream.destroy();
        return;
      }
      const end = at + 4 + length;
      if (end > all.length) break;
      const kind = all[at + 4] as number;
      const connection = all.readUInt32LE(at + 5);
      // A copy: what carries packets is changed where it lies.
      this.#listener?.frame(kind, connection, Buffer.from(all.subarray(at + prefix, end)));
      at = end;
    }
    this.#rest = Buffer.from(all.subarray(at));
  }

  #end(): void {
    if (this.#ended || !this.#listener) return;
    this.#ended = true;
    this.#listener.ended();
  }
}
