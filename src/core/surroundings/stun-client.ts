/**
 * Asks STUN servers how they see our data socket: reflexive addresses of every family, and the samples from which
 * the NAT is classified. A machine without I/O; times are monotonic ms.
 */
import { sameEndpoint, type Endpoint } from '../lib/endpoint.js';
import type { Random } from '../lib/env.js';
import { toHex } from '../lib/bytes.js';
import { encodeBindingRequest, parseBindingResponse } from '../wire/stun.js';

/** RFC 8489 section 6.2.1 begins at 500 ms and doubles; we ask oftener at first because a person waits. */
const retryMs = [250, 500, 1_000] as const;
/** Answered servers are asked again, for mappings move. */
const refreshMs = 60_000;
const maxServers = 16;

export interface StunServer extends Endpoint {
  /** The relay's own port, which answers from its alternate one where it is asked to; default: it is not. */
  readonly main?: boolean;
}

interface Query {
  readonly server: StunServer;
  transaction: Uint8Array;
  tries: number;
  nextAt: number;
}

export class StunClient {
  readonly #random: Random;
  readonly #send: (request: Uint8Array, server: Endpoint) => void;
  readonly #observed: (server: StunServer, mapped: Endpoint) => void;
  #queries: Query[] = [];

  constructor(
    random: Random,
    send: (request: Uint8Array, server: Endpoint) => void,
    observed: (server: StunServer, mapped: Endpoint) => void,
  ) {
    this.#random = random;
    this.#send = send;
    this.#observed = observed;
  }

  /** When `tick` has something to do: ms of the clock, Infinity for never. */
  get dueAt(): number {
    return this.#queries.reduce((at, query) => Math.min(at, query.nextAt), Infinity);
  }

  /** Asks a server now and every minute from now on. */
  ask(now: number, server: StunServer): void {
    this.#queries = this.#queries.filter((q) => !sameEndpoint(q.server, server));
    // A relay behind a changing address has others by now.
    if (this.#queries.length >= maxServers) this.#queries.shift();
    this.#queries.push({ server, transaction: new Uint8Array(12), tries: 0, nextAt: now });
    this.tick(now);
  }

  /** Asks all servers at once: the network changed. */
  refresh(now: number): void {
    for (const query of this.#queries) {
      query.tries = 0;
      query.nextAt = now;
    }
    this.tick(now);
  }

  tick(now: number): void {
    for (const query of this.#queries) {
      if (now < query.nextAt) continue;
      const wait = retryMs[query.tries];
      if (wait === undefined) {
        query.tries = 0;
        query.nextAt = now + refreshMs;
        continue;
      }
      query.transaction = this.#random.fill(new Uint8Array(12));
      query.tries++;
      query.nextAt = now + wait;
      this.#send(encodeBindingRequest(query.transaction, { room: true }), query.server);
    }
  }

  /** A packet that looks like STUN. Only answers to our own questions, from the server asked, count. */
  receive(now: number, packet: Uint8Array, from: Endpoint): void {
    const response = parseBindingResponse(packet);
    if (!response || !('mapped' in response)) return;
    const id = toHex(response.transactionId);
    const query = this.#queries.find((q) => sameEndpoint(q.server, from) && toHex(q.transaction) === id);
    if (!query) return;
    query.tries = 0;
    query.nextAt = now + refreshMs;
    this.#observed(query.server, response.mapped);
  }
}
