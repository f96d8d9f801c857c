/** Asks STUN servers from one UDP socket which address they see. */
import { createSocket, type Socket } from 'node:dgram';
import { isIPv6 } from 'node:net';
import { equalBytes } from '../lib/bytes.js';
import type { Random } from '../lib/env.js';
import type { Endpoint } from '../lib/endpoint.js';
import {
  encodeBindingRequest,
  parseBindingResponse,
  transactionIdLength,
  transactionKey,
} from '../wire/stun.js';
import type { NatFiltering } from '../wire/nat.js';
import { exchange } from './exchange.js';

export interface StunAnswer {
  readonly mapped: Endpoint;
  readonly rttMs: number;
}

export class StunProbe {
  readonly #socket: Socket;
  readonly #random: Random;

  private constructor(socket: Socket, random: Random) {
    this.#socket = socket;
    this.#random = random;
    socket.on('error', () => undefined);
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
    const found = await exchange(this.#socket, server, request, (message, port) => {
      const response = parseBindingResponse(message);
      if (!response || 'error' in response || transactionKey(response.transactionId) !== key)
        return undefined;
      return changePort === (port === server.port) ? undefined : response.mapped;
    });
    return found && { mapped: found.answer, rttMs: found.rttMs };
  }

  /**
   * True when what this socket sends to `outside`, an address that a NAT gave to `other`, arrives there: the NAT turns it back
   * (RFC 4787 section 6).
   */
  async reaches(other: StunProbe, outside: Endpoint): Promise<boolean> {
    const id = this.#random.fill(new Uint8Array(transactionIdLength));
    const request = encodeBindingRequest(id);
    const isRequest = (message: Uint8Array): true | undefined => equalBytes(message, request) || undefined;
    return (await exchange(this.#socket, outside, request, isRequest, other.#socket)) !== undefined;
  }

  close(): void {
    this.#socket.close();
  }
}

/**
 * Does an answer from the other port of a server that answers come in (RFC 5780 section 4.4)? A socket of its own asks: a router that takes
 * strays as its own remembers the answer, and gives what this socket sends to that port another port outside.
 */
export async function filteringBefore(server: Endpoint, random: Random): Promise<NatFiltering> {
  const probe = await StunProbe.open(isIPv6(server.host) ? 6 : 4, random);
  try {
    const answer = await probe.ask(server, true);
    return answer ? 'endpoint-independent-or-address-dependent' : 'address-and-port-dependent';
  } finally {
    probe.close();
  }
}
