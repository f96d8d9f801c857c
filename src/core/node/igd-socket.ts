/**
 * The sockets by which the default gateway is asked by UPnP: one of UDP for the search, and HTTP for its description and for
 * orders. Opened when there is something to ask. Goes to the gateway's address, from the address that leads to it, and
 * nowhere else: there is no name to look up, and no redirection is followed.
 */
import { createSocket, type Socket } from 'node:dgram';
import { request } from 'node:http';
import type { Logger } from '../lib/env.js';
import { messageOf } from '../lib/errors.js';
import type { HttpAnswer } from '../surroundings/igd-search.js';
import type { GatewayNews, GatewayWay } from '../surroundings/router-port.js';
import { longestDocument, type IgdRequest } from '../wire/igd.js';
import { longestSearchAnswer, ssdp } from '../wire/ssdp.js';

/** A request and its whole answer. */
const requestMs = 2_000;
/** What is under way at the end is waited for. */
const leaveMs = 3_000;

export class IgdSocket implements Pick<GatewayWay, 'search' | 'request' | 'close'> {
  readonly #gateway: string;
  readonly #source: string;
  readonly #heard: (news: GatewayNews) => void;
  readonly #log: Logger;
  #socket: Socket | undefined;
  /** Requests go one after the other. */
  #queue: Promise<void> = Promise.resolve();
  #closed = false;

  /**
   * @param gateway an IPv4 literal; only what comes from there is told
   * @param source own address on the way there
   */
  constructor(gateway: string, source: string, heard: (news: GatewayNews) => void, log: Logger) {
    this.#gateway = gateway;
    this.#source = source;
    this.#heard = heard;
    this.#log = log;
  }

  search(question: Uint8Array): void {
    this.#socket ??= this.#open();
    // What cannot be sent goes unanswered. Not all devices hear both.
    for (const host of [ssdp.host, this.#gateway]) {
      this.#socket.send(question, ssdp.port, host, () => undefined);
    }
  }

  request(wanted: IgdRequest): void {
    this.#queue = this.#queue.then(async () => {
      const answer = await this.#exchange(wanted);
      if (!this.#closed) this.#heard({ kind: 'http', answer });
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket?.close();
    this.#socket = undefined;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, leaveMs);
    });
    await Promise.race([this.#queue, late]);
    clearTimeout(timer);
  }

  #open(): Socket {
    const socket = createSocket({
      type: 'udp4',
      lookup: (name, _options, callback) => {
        callback(null, name, 4);
      },
    });
    socket.unref();
    socket.on('error', (error) => {
      this.#log.debug('gateway not searched', { reason: error.message });
    });
    socket.on('message', (bytes, from) => {
      if (this.#closed || from.address !== this.#gateway || bytes.length > longestSearchAnswer) return;
      this.#heard({ kind: 'device', bytes: new Uint8Array(bytes) });
    });
    socket.bind({ address: this.#source, port: 0 }, () => {
      try {
        socket.setMulticastInterface(this.#source);
        // The gateway is on the link.
        socket.setMulticastTTL(1);
      } catch (thrown) {
        this.#log.debug('gateway not searched', { reason: messageOf(thrown) });
      }
    });
    return socket;
  }

  /** Never throws: what fails, is late or too long is no answer. */
  #exchange({ port, path, order }: IgdRequest): Promise<HttpAnswer> {
    return new Promise((resolve) => {
      const body = order && Buffer.from(order.body);
      const asked = request({
        host: this.#gateway,
        port,
        path,
        localAddress: this.#source,
        method: body ? 'POST' : 'GET',
        agent: false,
        maxHeaderSize: 8_192,
        headers: {
          connection: 'close',
          ...(body && {
            'content-type': 'text/xml; charset="utf-8"',
            'content-length': body.length,
            soapaction: order.action,
          }),
        },
      });
      const end = (answer: HttpAnswer, reason?: string): void => {
        clearTimeout(timer);
        if (reason !== undefined) this.#log.debug('gateway does not answer', { port, reason });
        resolve(answer);
        asked.destroy();
      };
      const timer = setTimeout(end, requestMs, undefined, 'too slow');
      asked.on('error', (error) => {
        end(undefined, error.message);
      });
      asked.on('response', (response) => {
        const pieces: Buffer[] = [];
        let length = 0;
        response.on('data', (piece: Buffer) => {
          length += piece.length;
          if (length > longestDocument) end(undefined, 'too long');
          else pieces.push(piece);
        });
        response.on('end', () => {
          end({ status: response.statusCode ?? 0, body: new Uint8Array(Buffer.concat(pieces)) });
        });
        response.on('error', (error) => {
          end(undefined, error.message);
        });
      });
      asked.end(body);
    });
  }
}
