/** WebSockets that the relay's process before keeps (front.ts), as the one that goes on sees them. */
import type { MemberSocket, SocketListener } from '../member-socket.js';
import { PipeKind, type Pipe } from './pipe.js';

interface OnItsWay {
  readonly bytes: number;
  readonly done: (() => void) | undefined;
}

export class FarSocket implements MemberSocket {
  readonly #pipe: Pipe;
  readonly #connection: number;
  #listener: SocketListener | undefined;
  /** What the other process has not given to the system yet, in order. */
  #onTheirWay: OnItsWay[] = [];
  #buffered = 0;
  #gone: () => void = () => undefined;

  constructor(pipe: Pipe, connection: number) {
    this.#pipe = pipe;
    this.#connection = connection;
  }

  /** @param gone called when the connection is no more */
  whenGone(gone: () => void): void {
    this.#gone = gone;
  }

  /** The process that keeps it does not tell. */
  readonly unsent = 0;

  get bufferedAmount(): number {
    return this.#buffered;
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
  }

  send(message: Uint8Array, done?: () => void): void {
    this.#onTheirWay.push({ bytes: message.length, done });
    this.#buffered += message.length;
    this.#pipe.write(PipeKind.send, this.#connection, message);
  }

  close(code: number, reason: string): void {
    const bytes = Buffer.from(`  ${reason}`);
    bytes.writeUInt16LE(code, 0);
    this.#pipe.write(PipeKind.close, this.#connection, bytes);
  }

  terminate(): void {
    this.#pipe.write(PipeKind.terminate, this.#connection);
  }

  /** The door of the other process may stop watching what it says. */
  admitted(): void {
    this.#pipe.write(PipeKind.admitted, this.#connection);
  }

  pause(): void {
    // What comes meanwhile is kept by who listens.
  }

  resume(): void {
    // As `pause`.
  }

  /** A frame of the other process. */
  frame(kind: number, bytes: Buffer): void {
    if (kind === PipeKind.sent) {
      const sent = this.#onTheirWay.shift();
      this.#buffered -= sent?.bytes ?? 0;
      sent?.done?.();
    } else if (kind === PipeKind.heard) this.#listener?.heard();
    else if (kind === PipeKind.closed) this.ended();
    else if (kind === PipeKind.binary || kind === PipeKind.text)
      this.#listener?.message(bytes, kind === PipeKind.binary);
  }

  /** The connection is gone. */
  ended(): void {
    const left = this.#onTheirWay;
    this.#onTheirWay = [];
    this.#buffered = 0;
    this.#gone();
    this.#listener?.closed();
    for (const { done } of left) done?.();
  }
}

export class FarSockets {
  readonly #pipe: Pipe;
  readonly #sockets = new Map<number, FarSocket>();

  constructor(pipe: Pipe) {
    this.#pipe = pipe;
  }

  /** One that the process before named. */
  socket(connection: number): FarSocket {
    const socket = new FarSocket(this.#pipe, connection);
    this.#sockets.set(connection, socket);
    return socket;
  }

  /** From now on they are heard. @param came a connection that the process before had taken in and nobody spoke by yet */
  begin(came: (socket: FarSocket, observed: string) => void): void {
    this.#pipe.listen({
      frame: (kind, connection, bytes) => {
        if (kind === PipeKind.open) {
          came(this.socket(connection), bytes.toString());
          return;
        }
        const socket = this.#sockets.get(connection);
        if (kind === PipeKind.closed) this.#sockets.delete(connection);
        socket?.frame(kind, bytes);
      },
      drained: () => undefined,
      ended: () => {
        const all = [...this.#sockets.values()];
        this.#sockets.clear();
        for (const socket of all) socket.ended();
      },
    });
  }
}
