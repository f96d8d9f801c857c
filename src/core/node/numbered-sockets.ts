/** UDP sockets by number, each made when it is first named, with a port that the kernel gives it. */
import { createSocket, type Socket } from 'node:dgram';
import type { Endpoint } from '../lib/endpoint.js';

export class NumberedSockets {
  readonly #open = new Map<number, Socket>();
  readonly #heard: (number: number, bytes: Uint8Array, from: Endpoint) => void;
  readonly #longest: number;

  /**
   * @param heard gets what comes to the socket of that number, and owns it
   * @param longest bytes of what it gets
   */
  constructor(heard: (number: number, bytes: Uint8Array, from: Endpoint) => void, longest = Infinity) {
    this.#heard = heard;
    this.#longest = longest;
  }

  get(number: number): Socket | undefined {
    return this.#open.get(number);
  }

  make(number: number): Socket {
    const socket = createSocket({
      type: 'udp4',
      lookup: (name, _options, callback) => {
        callback(null, name, 4);
      },
    });
    socket.unref();
    // What cannot be sent goes unanswered.
    socket.on('error', () => {
      if (this.#open.get(number) === socket) this.close(number);
    });
    socket.on('message', (bytes, { address, port }) => {
      if (this.#open.get(number) === socket && bytes.length <= this.#longest)
        this.#heard(number, new Uint8Array(bytes), { host: address, port });
    });
    this.#open.set(number, socket);
    return socket;
  }

  close(number: number): void {
    const socket = this.#open.get(number);
    this.#open.delete(number);
    socket?.close();
  }
}
