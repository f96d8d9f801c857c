/** What a node's connection is to the relay: whole messages, in order, both ways. */
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { handleDescriptor } from '../core/native/handle.js';
import { unsentBytes } from '../core/native/tcp.js';

export interface SocketListener {
  message(data: Buffer, binary: boolean): void;
  /** A sign of life that is no message. */
  heard(): void;
  /** Told once, last. */
  closed(): void;
}

/** A WebSocket of this process (`NearSocket`), or one that the process before keeps (move/far-sockets.ts). */
export interface MemberSocket {
  /** Bytes that wait in this process, and that wait in the kernel. */
  readonly bufferedAmount: number;
  readonly unsent: number;
  /** Of its TCP connection, where it is this process's own. */
  readonly descriptor?: number | undefined;
  /** Whoever listened before hears nothing any more. */
  listen(listener: SocketListener): void;
  /** @param done called when the system has taken it, or the connection is gone */
  send(message: Uint8Array, done?: () => void): void;
  close(code: number, reason: string): void;
  terminate(): void;
  /** Nothing is read until `resume`, as far as it is not read yet. */
  pause(): void;
  resume(): void;
}

const nobody: SocketListener = {
  message: () => undefined,
  heard: () => undefined,
  closed: () => undefined,
};

export class NearSocket implements MemberSocket {
  readonly #socket: WebSocket;
  #listener = nobody;

  constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.binaryType = 'nodebuffer';
    socket.on('message', (data, binary) => {
      this.#listener.message(data as Buffer, binary);
    });
    socket.on('ping', () => {
      this.#listener.heard();
    });
    socket.on('error', () => undefined); // 'close' follows
    socket.on('close', () => {
      this.#listener.closed();
    });
  }

  get bufferedAmount(): number {
    return this.#socket.bufferedAmount;
  }

  get unsent(): number {
    return this.#tcp ? unsentBytes(this.#tcp) : 0;
  }

  get descriptor(): number | undefined {
    return this.#tcp && handleDescriptor(this.#tcp);
  }

  get #tcp(): Socket | undefined {
    // `ws` has no public way to it.
    return (this.#socket as unknown as { _socket?: Socket })._socket;
  }

  listen(listener: SocketListener): void {
    this.#listener = listener;
  }

  send(message: Uint8Array, done?: () => void): void {
    this.#socket.send(message, done);
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, reason);
  }

  terminate(): void {
    this.#socket.terminate();
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }
}
