/**
 * Whether the peer has moved away from the direct path in use: it streams from another endpoint, and the path does not answer. Its
 * NAT may have another outside address, which nothing tells but where its packets come from: they prove the peer, not the path, which
 * is asked at once (RFC 9000 section 9.3 does so for QUIC).
 *
 *   a packet from elsewhere ── the path is asked ── stream of them, no answer ──▶ what comes in says nothing of the path
 *                                    └── it answers: only the ways to and fro differ; asked again a second later
 *
 * Single packets from elsewhere are no stream: the peer keeps other paths warm. No I/O; times are monotonic ms.
 */

/** Packets at most so far apart are a stream: what comes seldomer keeps no path from being doubted. */
const gapMs = 400;
/** A stream that began so long ago is one. */
const streamMs = 200;
/** A path that answered while others bring the stream is asked so often. */
const againMs = 1_000;

export class Elsewhere {
  #since = -Infinity;
  #at = -Infinity;
  #answered = false;

  /** Something of the peer came from another endpoint. True: the path in use is to be asked. */
  came(now: number): boolean {
    const begins = now > this.#at + gapMs || (this.#answered && now >= this.#since + againMs);
    this.#at = now;
    if (!begins) return false;
    this.#since = now;
    this.#answered = false;
    return true;
  }

  /** The path in use answered what it was asked at this time. */
  answered(askedAt: number): void {
    if (askedAt >= this.#since) this.#answered = true;
  }

  /** Since when nothing that came in is a sign of life of the path; Infinity: it is one. */
  movedSince(now: number): number {
    const streams = now <= this.#at + gapMs && this.#at - this.#since >= streamMs;
    return streams && !this.#answered ? this.#since : Infinity;
  }

  /** Another path is in use. */
  clear(): void {
    this.#since = this.#at = -Infinity;
    this.#answered = false;
  }
}
