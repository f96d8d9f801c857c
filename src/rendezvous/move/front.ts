/**
 * The WebSockets of a relay's process that leaves. While it rests, what comes by them waits here; afterwards either all goes on
 * as before (`release`), or the next process speaks through it (`serve`), until the last node has moved there.
 */
import type { MemberSocket, SocketListener } from '../member-socket.js';
import { PipeKind, type Pipe } from './pipe.js';

interface Held {
  readonly socket: MemberSocket;
  /** The next process has a member there. */
  readonly admitted: () => void;
  /** Set for a connection that came while all rested. */
  readonly observed: string | undefined;
  waiting: [kind: number, bytes: Buffer][];
}

/** Who listens to a connection when all goes on here. */
export type Resumes = (
  connection: number,
  newcomer: { socket: MemberSocket; observed: string } | undefined,
) => SocketListener;

const nothing = Buffer.alloc(0);

export class Front {
  readonly #held = new Map<number, Held>();
  #next = 1;
  #pipe: Pipe | undefined;
  #last = false;
  #empty: () => void = () => undefined;
  /** Resolves when no connection is left that the next process would speak by. */
  readonly empty = new Promise<void>((resolve) => (this.#empty = resolve));

  get size(): number {
    return this.#held.size;
  }

  /** Takes a connection. Returns its number. @param observed of a newcomer */
  hold(socket: MemberSocket, admitted: () => void, observed?: string): number {
    const connection = this.#next++;
    const held: Held = { socket, admitted, observed, waiting: [] };
    this.#held.set(connection, held);
    socket.listen({
      message: (data, binary) => {
        this.#came(connection, held, binary ? PipeKind.binary : PipeKind.text, data);
      },
      heard: () => {
        this.#came(connection, held, PipeKind.heard, nothing);
      },
      closed: () => {
        this.#came(connection, held, PipeKind.closed, nothing);
        if (this.#pipe) this.#forget(connection);
      },
    });
    if (this.#pipe && observed !== undefined)
      this.#pipe.write(PipeKind.open, connection, Buffer.from(observed));
    else if (!this.#pipe) socket.pause();
    return connection;
  }

  /** All goes on here, and what came meanwhile is told. */
  release(resumes: Resumes): void {
    for (const [connection, { socket, observed, waiting }] of this.#held) {
      const listener = resumes(connection, observed === undefined ? undefined : { socket, observed });
      socket.listen(listener);
      for (const [kind, bytes] of waiting) tell(listener, kind, bytes);
      socket.resume();
    }
    this.#held.clear();
  }

  /** The next process speaks by these connections from now on. */
  serve(pipe: Pipe): void {
    this.#pipe = pipe;
    pipe.listen({
      frame: (kind, connection, bytes) => {
        this.#asked(kind, connection, bytes);
      },
      drained: () => {
        for (const { socket } of this.#held.values()) socket.resume();
      },
      ended: () => {
        // Nobody is behind them any more: nodes come back to whoever listens then.
        for (const { socket } of this.#held.values()) socket.terminate();
        this.#empty();
      },
    });
    for (const [connection, held] of this.#held) {
      if (held.observed !== undefined) pipe.write(PipeKind.open, connection, Buffer.from(held.observed));
      for (const [kind, bytes] of held.waiting) {
        pipe.write(kind, connection, bytes);
        if (kind === PipeKind.closed) this.#held.delete(connection);
      }
      held.waiting = [];
      held.socket.resume();
    }
    this.#lookEmpty();
  }

  /** No newcomer can come any more. */
  lastCame(): void {
    this.#last = true;
    this.#lookEmpty();
  }

  #came(connection: number, held: Held, kind: number, bytes: Buffer): void {
    if (!this.#pipe) {
      held.waiting.push([kind, bytes]);
      return;
    }
    if (this.#pipe.write(kind, connection, bytes)) return;
    for (const { socket } of this.#held.values()) socket.pause();
  }

  #asked(kind: number, connection: number, bytes: Buffer): void {
    const held = this.#held.get(connection);
    if (!held) return;
    const { socket } = held;
    if (kind === PipeKind.send) {
      socket.send(bytes, () => {
        this.#pipe?.write(PipeKind.sent, connection);
      });
    } else if (kind === PipeKind.close && bytes.length >= 2) {
      socket.close(bytes.readUInt16LE(0), bytes.subarray(2).toString());
    } else if (kind === PipeKind.terminate) socket.terminate();
    else if (kind === PipeKind.admitted) held.admitted();
  }

  #forget(connection: number): void {
    this.#held.delete(connection);
    this.#lookEmpty();
  }

  #lookEmpty(): void {
    if (this.#last && this.#held.size === 0) this.#empty();
  }
}

function tell(listener: SocketListener, kind: number, bytes: Buffer): void {
  if (kind === PipeKind.heard) listener.heard();
  else if (kind === PipeKind.closed) listener.closed();
  else listener.message(bytes, kind === PipeKind.binary);
}
