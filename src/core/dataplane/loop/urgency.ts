/**
 * When a packet thread should go before other programs: while it sends bulk.
 *
 * A program that sends a stream and the thread that seals it wake each other thousands of times a second. A scheduler
 * that is fair to both lets the thread wait, for milliseconds when processors are taken, while the stream stands still.
 * What counts is the mean length of what the interface gives: super-frames, which only come from local senders that wait
 * for acknowledgements. Small packets are better taken together than one by one, so a flood of them is no hurry; and
 * what comes from the network, which strangers fill, has no part in it.
 */
const bulkBytes = 8_192;
const meanWeight = 1 / 8;
/** Nothing bulky for so long: what comes next may be a lone packet. */
const calmMs = 5;
/** Whoever goes first must not go on for ever: after so long without a sleep others have their turn. */
const turnMs = 20;
/** A pause that is shorter was none: what was waited for was there already. */
const pauseMs = 0.01;

export class Urgency {
  /** Whether the thread should go first. */
  urgent = false;
  /** It sends bulk at the moment, whether it has had its turn or not: only then pauses need to be told. */
  bulk = false;
  #mean = 0;
  #bulkAt = -Infinity;
  #pausedAt = Infinity;
  #turnAt = -Infinity;

  /** A round that began at `now`, milliseconds, read so many frames from the interface, `bytes` together. */
  round(now: number, frames: number, bytes: number): void {
    if (frames > 0) {
      const length = bytes / frames;
      this.#mean += (length - this.#mean) * meanWeight;
      if (length >= bulkBytes && this.#mean >= bulkBytes) this.#bulkAt = now;
    }
    const before = this.bulk;
    this.bulk = now - this.#bulkAt < calmMs;
    if (!before || now - this.#pausedAt > pauseMs) this.#turnAt = now;
    this.#pausedAt = Infinity;
    this.urgent = this.bulk && now - this.#turnAt < turnMs;
  }

  /** The thread is about to wait for something to do. */
  pause(now: number): void {
    this.#pausedAt = now;
  }
}
