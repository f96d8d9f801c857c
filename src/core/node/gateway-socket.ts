/** The UDP socket by which the default gateway is asked for a port. Loaded when there is one to ask. */
import { createSocket, type Socket } from 'node:dgram';
import type { Logger } from '../lib/env.js';
import { portMapPort } from '../wire/port-mapping.js';

/** An answer is far shorter. */
const longestAnswer = 1_100;

export class GatewaySocket {
  readonly #socket: Socket;
  readonly #gateway: string;
  #closed = false;

  /**
   * @param source own address: another interface is not asked
   * @param heard gets what the gateway sends from its port, and owns it
   */
  constructor(gateway: string, source: string, heard: (bytes: Uint8Array) => void, log: Logger) {
    this.#gateway = gateway;
    this.#socket = createSocket({
      type: 'udp4',
      lookup: (name, _options, callback) => {
        callback(null, name, 4);
      },
    });
    this.#socket.on('error', (error) => {
      log.debug('gateway not asked', { reason: error.message });
    });
    this.#socket.on('message', (bytes, from) => {
      if (this.#closed || from.address !== gateway || from.port !== portMapPort) return;
      if (bytes.length <= longestAnswer) heard(new Uint8Array(bytes));
    });
    this.#socket.bind({ address: source, port: 0 });
    this.#socket.unref();
  }

  send(bytes: Uint8Array): void {
    // What cannot be sent goes unanswered.
    this.#socket.send(bytes, portMapPort, this.#gateway, () => undefined);
  }

  /** What was sent before still goes out. */
  close(): void {
    this.#closed = true;
    this.#socket.send(new Uint8Array(0), portMapPort, this.#gateway, () => {
      this.#socket.close();
    });
  }
}
