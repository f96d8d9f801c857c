/**
 * UDP in one process: sockets with endpoints, and a route function where a test puts its NATs and firewalls.
 * Knows nothing of evio. Delivery is always later (through the clock), never inside `send`.
 */
import { formatEndpoint, type Endpoint } from '../../src/core/lib/endpoint.js';
import type { Clock } from '../../src/core/lib/env.js';

/** What became of a datagram: the socket it reaches and the source that socket sees. Null: lost. */
export interface Routed {
  readonly to: Endpoint;
  readonly from: Endpoint;
}
export type Route = (from: Endpoint, to: Endpoint, bytes: Uint8Array) => Routed | null;

export interface MemorySocket {
  readonly endpoint: Endpoint;
  send(bytes: Uint8Array, to: Endpoint): void;
  close(): void;
}

export interface MemoryNetOptions {
  readonly clock: Clock;
  /** One-way delay, default 1 ms. */
  readonly latencyMs?: number;
  /** Default: every socket reaches every other one by its own endpoint. May be replaced at any time. */
  readonly route?: Route;
}

export class MemoryNet {
  readonly clock: Clock;
  latencyMs: number;
  route: Route;
  /** Datagrams handed to `send`, and those that reached a socket. */
  sent = 0;
  delivered = 0;
  readonly #sockets = new Map<string, (bytes: Uint8Array, from: Endpoint) => void>();
  #ephemeral = 40_000;

  constructor(options: MemoryNetOptions) {
    this.clock = options.clock;
    this.latencyMs = options.latencyMs ?? 1;
    this.route = options.route ?? ((from, to) => ({ from, to }));
  }

  /** Sockets that are open. */
  get openSockets(): number {
    return this.#sockets.size;
  }

  /** Port 0 takes a free one. `receive` owns the bytes it is given. Throws when the endpoint is taken. */
  open(host: string, port: number, receive: (bytes: Uint8Array, from: Endpoint) => void): MemorySocket {
    let chosen = port;
    while (chosen === 0 || (port === 0 && this.#sockets.has(formatEndpoint({ host, port: chosen })))) {
      chosen = this.#ephemeral++;
    }
    const endpoint: Endpoint = { host, port: chosen };
    const key = formatEndpoint(endpoint);
    if (this.#sockets.has(key)) throw new Error(`${key} is taken`);
    this.#sockets.set(key, receive);
    return {
      endpoint,
      send: (bytes, to) => {
        if (this.#sockets.get(key) === receive) this.#send(endpoint, to, bytes.slice());
      },
      close: () => {
        if (this.#sockets.get(key) === receive) this.#sockets.delete(key);
      },
    };
  }

  #send(from: Endpoint, to: Endpoint, bytes: Uint8Array): void {
    this.sent++;
    const routed = this.route(from, to, bytes);
    if (routed) this.arrive(routed, bytes);
  }

  /** What a test has held back comes to the socket at `to`, after the delay. */
  arrive(routed: Routed, bytes: Uint8Array): void {
    this.clock.after(this.latencyMs, () => {
      const receive = this.#sockets.get(formatEndpoint(routed.to));
      if (!receive) return;
      this.delivered++;
      receive(bytes, routed.from);
    });
  }
}
