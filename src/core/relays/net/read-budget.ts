/**
 * How much a relay may say besides members' packets: each message costs a look at the members, or signatures. What is beyond it
 * waits in the connection, where nothing is lost. One for a relay, over all connections to it. No I/O; times are monotonic ms.
 */
import { TokenBucket } from '../../lib/token-bucket.js';

/** A second and at once: of messages more than a network of which a relay tells everything has members; of bytes a whole ledger, and its news. */
const messages = { perS: 500, atOnce: 4_000 };
const bytes = { perS: 16_384, atOnce: 4_194_304 };

export class ReadBudget {
  readonly #messages = new TokenBucket(messages.perS, messages.atOnce, 0);
  readonly #bytes = new TokenBucket(bytes.perS, bytes.atOnce, 0);

  /** A message of this length was read. Returns when the next may be; it is in the past where that is at once. */
  read(now: number, length: number): number {
    return now + Math.max(this.#messages.spend(1, now), this.#bytes.spend(length, now));
  }
}
