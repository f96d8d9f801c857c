/**
 * Packets to addresses that a card named (wire/ring.ts). Nobody proves where a member is: a card may name a machine that
 * never heard of evio, in any number of cards, by any number of members. So one address gets a few packets, whoever names
 * it, and all of them together get only so many. One for a node; a machine without I/O.
 */
import type { Endpoint } from '../lib/endpoint.js';
import { SourceLimiter } from '../lib/source-limiter.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { limiterKey } from '../noise/load.js';

/** To one address (IPv4, or the /64 of IPv6): 8 in any minute. At once means enough for one introduction. */
export const namedAtOnce = 6;
export const namedPerMinute = 2;
/** The same where a member has answered, which is often one NAT for many members. */
const provenAtOnce = 60;
const provenPerMinute = 60;
/** To all of them together. */
export const namedInAllAtOnce = 240;
export const namedInAllPerS = 12;
/** Addresses remembered: more than introductions can name until the budget of the first is full again. */
const addressLimit = 16_384;
const provenLimit = 4_096;

export class NamedAddresses {
  readonly #named = new SourceLimiter(namedPerMinute / 60, namedAtOnce, addressLimit);
  readonly #proven = new SourceLimiter(provenPerMinute / 60, provenAtOnce, provenLimit);
  readonly #all: TokenBucket;
  /** In the order of proof. */
  readonly #answered = new Set<string>();

  constructor(now: number) {
    this.#all = new TokenBucket(namedInAllPerS, namedInAllAtOnce, now);
  }

  /** One packet more may go there now; it counts. */
  take(now: number, endpoint: Endpoint): boolean {
    const address = limiterKey(endpoint);
    const budget = this.#answered.has(address) ? this.#proven : this.#named;
    return budget.take(address, now) && this.#all.take(1, now);
  }

  /** A member answered there to what only who is there could read: a ping, not a handshake, whose source anyone may forge. */
  answered(endpoint: Endpoint): void {
    const address = limiterKey(endpoint);
    this.#answered.delete(address);
    this.#answered.add(address);
    for (const oldest of this.#answered) {
      if (this.#answered.size <= provenLimit) return;
      this.#answered.delete(oldest);
    }
  }
}
