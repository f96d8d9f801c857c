/**
 * Packets to addresses that a card named (wire/ring.ts), or that a member names as its own. Nobody proves where a member is: it may
 * be a machine that never heard of evio, named in any number of cards, by any number of members. So one address gets a few
 * packets, whoever names it, and all that cards name together get only so many. One for a node; a machine without I/O.
 */
import type { Endpoint } from '../lib/endpoint.js';
import { SourceLimiter } from '../lib/source-limiter.js';
import { TokenBucket } from '../lib/token-bucket.js';
import { limiterKey } from '../noise/load.js';

/** To one address (IPv4, or the /64 of IPv6): 8 in any minute. At once means enough for one introduction. */
const namedAtOnce = 6;
const namedPerMinute = 2;
/** The same where a member has answered, which is often one NAT for many members. */
const provenAtOnce = 60;
const provenPerMinute = 60;
/** To all of them together. */
const namedInAllAtOnce = 240;
const namedInAllPerS = 12;
/** Pings of candidates to one address: to all members there no more than to one (path/probing.ts), as long as none of them answered. */
export const probedAtOnce = 432;
export const probedPerS = 4;
/** The same where a member has answered. */
const provenTimes = 10;
/** Addresses remembered: more than introductions can name until the budget of the first is full again. */
const addressLimit = 16_384;
const provenLimit = 4_096;

export class NamedAddresses {
  readonly #named = new SourceLimiter(namedPerMinute / 60, namedAtOnce, addressLimit);
  readonly #proven = new SourceLimiter(provenPerMinute / 60, provenAtOnce, provenLimit);
  readonly #probed = new SourceLimiter(probedPerS, probedAtOnce, addressLimit);
  readonly #provenProbed = new SourceLimiter(
    provenTimes * probedPerS,
    provenTimes * probedAtOnce,
    provenLimit,
  );
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

  /** One ping more may go to an address where the member that named it has not answered; it counts. */
  probe(now: number, endpoint: Endpoint): boolean {
    const address = limiterKey(endpoint);
    return (this.#answered.has(address) ? this.#provenProbed : this.#probed).take(address, now);
  }

  /** Whether a member has answered there. */
  hasAnswered(endpoint: Endpoint): boolean {
    return this.#answered.has(limiterKey(endpoint));
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
