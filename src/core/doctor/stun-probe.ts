/** Asks STUN servers from one UDP socket which address they see. */
import { createSocket, type Socket } from 'node:dgram';
import { equalBytes } from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import type { Endpoint } from '../lib/endpoint.js';
import {
  encodeBindingRequest,
  parseBindingResponse,
  transactionIdLength,
  transactionKey,
} from '../wire/stun.js';

const attempts = 3;
/** Between attempts; RFC 8489 section 6.2.1 begins with 500 ms, which is long for a check that waits. */
const retryMs = 400;

export interface StunAnswer {
  readonly mapped: Endpoint;
  readonly rttMs: number;
}

export class StunProbe {
  readonly #socket: Socket;
  readonly #random: Random;
  readonly #waiting = new Map<string, (mapped: Endpoint, port: number) => void>();

  private constructor(socket: Socket, random: Random) {
    this.#socket = socket;
    this.#random = random;
    socket.on('error', () => undefined);
    socket.on('message', (message, { port }) => {
      const response = parseBindingResponse(message);
      if (!response || 'error' in response) return;
      this.#waiting.get(transactionKey(response.transactionId))?.(response.mapped, port);
    });
  }

  /** Rejects with the system's error. */
  static open(family: 4 | 6, random: Random): Promise<StunProbe> {
    return new Promise((resolve, reject) => {
      const socket = createSocket({ type: family === 6 ? 'udp6' : 'udp4', ipv6Only: family === 6 });
      socket.once('error', reject);
      socket.bind(0, () => {
        socket.removeListener('error', reject);
        resolve(new StunProbe(socket, random));
      });
    });
  }

  /**
   * The address that the server sees, or undefined when it does not answer.
   *
   * @param changePort the answer is to come from the server's other port (RFC 5780), and counts only then
   */
  async ask(server: Endpoint, changePort = false): Promise<StunAnswer | undefined> {
    const id = this.#random.fill(new Uint8Array(transactionIdLength));
    const request = encodeBindingRequest(id, { room: true, changePort });
    const key = transactionKey(id);
    try {
      for (let attempt = 0; attempt < attempts; attempt++) {
        const sentAt = performance.now();
        const mapped = await new Promise<Endpoint | undefined>((resolve) => {
          const timer = setTimeout(resolve, retryMs, undefined);
          this.#waiting.set(key, (endpoint, port) => {
            if (changePort === (port === server.port)) return;
            clearTimeout(timer);
            resolve(endpoint);
          });
          // An unreachable network shows as no answer.
          this.#socket.send(request, server.port, server.host, () => undefined);
        });
        if (mapped) return { mapped, rttMs: performance.now() - sentAt };
      }
      return undefined;
    } finally {
      this.#waiting.delete(key);
    }
  }

  /**
   * True when what this socket sends to `outside`, an address that a NAT gave to `other`, arrives there: the NAT turns it back
   * (RFC 4787 section 6).
   */
  async reaches(other: StunProbe, outside: Endpoint): Promise<boolean> {
    const id = this.#random.fill(new Uint8Array(transactionIdLength));
    const request = encodeBindingRequest(id);
    for (let attempt = 0; attempt < attempts; attempt++) {
      const arrived = await new Promise<boolean>((resolve) => {
        const heard = (message: Uint8Array): void => {
          if (equalBytes(message, request)) done(true);
        };
        const timer = setTimeout(() => {
          done(false);
        }, retryMs);
        const done = (result: boolean): void => {
          clearTimeout(timer);
          other.#socket.off('message', heard);
          resolve(result);
        };
        other.#socket.on('message', heard);
        this.#socket.send(request, outside.port, outside.host, () => undefined);
      });
      if (arrived) return true;
    }
    return false;
  }

  close(): void {
    this.#socket.close();
  }
}
