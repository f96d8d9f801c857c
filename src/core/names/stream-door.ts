/**
 * DNS by TCP (RFC 7766), for answers that a datagram does not hold: each message behind its length, two bytes. Few connections, of
 * this machine alone, that may not be idle for long.
 */
import { createServer, type Server, type Socket } from 'node:net';
import { longestQuery } from '../wire/dns.js';

const connectionLimit = 32;
const idleMs = 5_000;
const lengthBytes = 2;

export interface StreamDoorPorts {
  /** True for an address whose queries are answered. */
  admits(address: string): boolean;
  /** Answers, once and at any time, or never. */
  ask(query: Uint8Array, answer: (bytes: Uint8Array) => void): void;
}

export class StreamDoor {
  readonly #ports: StreamDoorPorts;
  readonly #open = new Set<Socket>();
  #server: Server | undefined;

  constructor(ports: StreamDoorPorts) {
    this.#ports = ports;
  }

  get listening(): boolean {
    return this.#server?.listening === true;
  }

  /** Throws the system's error. */
  start(host: string, port: number): Promise<void> {
    const server = createServer((socket) => {
      this.#admit(socket);
    });
    server.maxConnections = connectionLimit;
    server.unref();
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host, port, exclusive: true }, () => {
        server.removeAllListeners('error');
        // A descriptor was wanting: the next connection may fare better.
        server.on('error', () => undefined);
        this.#server = server;
        resolve();
      });
    });
  }

  stop(): void {
    this.#server?.close();
    this.#server = undefined;
    for (const socket of this.#open) socket.destroy();
  }

  #admit(socket: Socket): void {
    socket.on('error', () => undefined);
    if (!this.#ports.admits(socket.remoteAddress ?? '')) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    socket.unref();
    socket.setTimeout(idleMs, () => socket.destroy());
    socket.once('close', () => {
      this.#open.delete(socket);
    });
    let waiting = Buffer.alloc(0);
    socket.on('data', (bytes: Buffer) => {
      waiting = Buffer.concat([waiting, bytes]);
      while (waiting.length >= lengthBytes) {
        const length = waiting.readUInt16BE(0);
        if (length > longestQuery) {
          socket.destroy();
          return;
        }
        if (waiting.length < lengthBytes + length) return;
        const query = new Uint8Array(waiting.subarray(lengthBytes, lengthBytes + length));
        waiting = waiting.subarray(lengthBytes + length);
        this.#ports.ask(query, (answer) => {
          this.#answer(socket, answer);
        });
      }
    });
  }

  /** Who does not read its answers gets no more. */
  #answer(socket: Socket, answer: Uint8Array): void {
    if (socket.destroyed) return;
    if (socket.writableNeedDrain) {
      socket.destroy();
      return;
    }
    const head = Buffer.alloc(lengthBytes);
    head.writeUInt16BE(answer.length);
    socket.write(Buffer.concat([head, answer]));
  }
}
