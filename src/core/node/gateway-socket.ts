/**
 * The sockets by which the default gateway is asked for a port: one of UDP, one that hears what it announces to the LAN, and those
 * of UPnP when it is searched by that.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Logger } from '../lib/env.js';
import type { GatewayNews, GatewayWay } from '../surroundings/router-port.js';
import type { IgdRequest } from '../wire/igd.js';
import { announced, portMapPort } from '../wire/port-mapping.js';
import { IgdSocket } from './igd-socket.js';

/** An answer is far shorter. */
const longestAnswer = 1_100;

export class GatewaySocket implements Omit<GatewayWay, 'open'> {
  readonly #socket: Socket;
  readonly #announced: Socket;
  readonly #gateway: string;
  readonly #igd: IgdSocket;
  #closed = false;

  /**
   * @param source own address: another interface is not asked
   * @param heard gets what the gateway sends, and owns it
   */
  constructor(gateway: string, source: string, heard: (news: GatewayNews) => void, log: Logger) {
    this.#gateway = gateway;
    this.#igd = new IgdSocket(gateway, source, heard, log);
    this.#socket = literal(false);
    this.#announced = literal(true);
    this.#socket.on('error', (error) => {
      log.debug('gateway not asked', { reason: error.message });
    });
    this.#announced.on('error', (error) => {
      log.debug('announcements of the gateway are not heard', { reason: error.message });
    });
    // What it says is not believed: it is asked.
    this.#announced.on('message', (_bytes, from) => {
      if (!this.#closed && from.address === gateway) heard({ kind: 'announcement' });
    });
    // Bound to the group, it hears what goes to that; every machine is a member (RFC 1112).
    this.#announced.bind({ address: announced.host, port: announced.port });
    this.#announced.unref();
    this.#socket.on('message', (bytes, from) => {
      if (this.#closed || from.address !== gateway || from.port !== portMapPort) return;
      if (bytes.length <= longestAnswer) heard({ kind: 'mapping', bytes: new Uint8Array(bytes) });
    });
    this.#socket.bind({ address: source, port: 0 });
    this.#socket.unref();
  }

  send(bytes: Uint8Array): void {
    // What cannot be sent goes unanswered.
    this.#socket.send(bytes, portMapPort, this.#gateway, () => undefined);
  }

  search(question: Uint8Array): void {
    this.#igd.search(question);
  }

  request(request: IgdRequest): void {
    this.#igd.request(request);
  }

  /** What was sent before still goes out. */
  close(): Promise<void> {
    this.#closed = true;
    this.#announced.close();
    this.#socket.send(new Uint8Array(0), portMapPort, this.#gateway, () => {
      this.#socket.close();
    });
    return this.#igd.close();
  }
}

/** A socket for addresses: there is no name to look up. */
function literal(shared: boolean): Socket {
  return createSocket({
    type: 'udp4',
    reuseAddr: shared,
    lookup: (name, _options, callback) => {
      callback(null, name, 4);
    },
  });
}
