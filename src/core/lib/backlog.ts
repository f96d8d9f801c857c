/**
 * How much may wait for a line before packets are dropped: what it carries in half a second. A fixed length is too little for one line
 * and many seconds of another (RFC 7567 2.1). The rate is what was sent while something waited all the time. Knows no clock, the time
 * is an argument.
 */

/** What waits at most, ms of the line. */
const delayMs = 500;
/** One measurement of the rate, ms. */
const sampleMs = 100;
/** So much may wait however slow the line is, bytes: one batch of packets. */
const least = 64 * 1024;
/** So much before the rate is known, bytes. */
const initial = 256 * 1024;

export class Backlog {
  readonly #memory: number;
  #limit = initial;
  /** Since when something waits, or the last sample, ms. */
  #since = 0;
  /** What waited then and was handed over since, bytes. */
  #handed = 0;

  /** @param memory bytes that may wait in this process, however fast the line is */
  constructor(memory: number) {
    this.#memory = memory;
  }

  /** Bytes that may wait now, in all. */
  get limit(): number {
    return this.#limit;
  }

  /**
   * Whether a message may be handed to the socket; it is to be dropped otherwise.
   *
   * @param length of the message, bytes
   * @param buffered what waits in this process, bytes
   * @param unsent what waits in the kernel, bytes
   */
  admits(length: number, buffered: number, unsent: number, nowMs: number): boolean {
    const waiting = buffered + unsent;
    if (waiting === 0) this.#begin(0, nowMs);
    else if (nowMs - this.#since >= sampleMs) {
      const perMs = Math.max(0, this.#handed - waiting) / (nowMs - this.#since);
      this.#limit = (this.#limit + Math.max(least, perMs * delayMs)) / 2;
      this.#begin(waiting, nowMs);
    }
    if (waiting > this.#limit || buffered > this.#memory) return false;
    this.#handed += length;
    return true;
  }

  #begin(waiting: number, nowMs: number): void {
    this.#since = nowMs;
    this.#handed = waiting;
  }
}
