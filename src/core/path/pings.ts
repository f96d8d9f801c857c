/** Pings under way: what each one asked, until its pong comes or is too late. No I/O. */
import type { Random } from '../lib/env.js';

/** A pong later than this is no answer. No queue is known to be longer. */
const pingLifeMs = 15_000;

export interface Ping {
  /** The endpoint that was asked, or the label of a relay path. */
  readonly key: string;
  readonly direct: boolean;
  readonly sentAt: number;
  readonly size: number;
  /** Frames that had gone to the peer directly before it. */
  readonly framesSent: number;
}

export class Pings {
  readonly #random: Random;
  readonly #pings = new Map<number, Ping>();

  constructor(random: Random) {
    this.#random = random;
  }

  /** Its transaction number. */
  add(ping: Ping): number {
    // The oldest come first.
    for (const [transaction, { sentAt }] of this.#pings) {
      if (ping.sentAt - sentAt <= pingLifeMs) break;
      this.#pings.delete(transaction);
    }
    const transaction = Math.floor(this.#random.unit() * Number.MAX_SAFE_INTEGER);
    this.#pings.set(transaction, ping);
    return transaction;
  }

  /** The ping that is answered now, once. */
  take(now: number, transaction: number): Ping | undefined {
    const ping = this.#pings.get(transaction);
    this.#pings.delete(transaction);
    return ping && now - ping.sentAt <= pingLifeMs ? ping : undefined;
  }

  clear(): void {
    this.#pings.clear();
  }
}
