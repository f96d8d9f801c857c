/**
 * Whether the way in use is in doubt: it was asked, and does not answer in time. Doubt costs little, since packets go on by it
 * and by another way as well, so it begins long before anything is called dead (liveness.ts, with whose times it goes
 * together): a path that is cut is without traffic for less than a second, and one that was only slow is not left.
 *
 *   trusted ── asked, no answer in time ──▶ doubted ── 5 s ──▶ given up (one way again)
 *      ▲                                      │                   │
 *      └────────────── it answers ◀───────────┴───────────────────┘
 *
 * An answer is a pong to a ping that took this way: frames that come in by it say nothing of the way out. They put
 * doubt off, since a queue that has just filled holds pongs up, too. No I/O; times are monotonic ms.
 */
import type { PingedPath } from './liveness.js';
import { timeoutMs } from './round-trip.js';

/** What an answer may take at least, or what is measured. */
const answerLeastMs = 300;
/** The same while something still comes in: since the last answer, and after so many questions. */
const carriedMs = 2_500;
const carriedMisses = 3;
/** That the peer asks by another way makes what comes in say nothing, for so long. */
const elsewhereMs = 1_500;
/** So long everything goes twice. Whatever is wrong then, copies do not help. */
const longestMs = 5_000;
/** In doubt, and the other way answers: this one is left after so long and so many questions. */
const leaveMs = 1_200;
const leaveMisses = 3;

export class Doubt {
  #since: number | undefined;
  #givenUp = false;
  #elsewhereAt = -Infinity;

  /** Everything is to go by a second way as well. */
  get doubted(): boolean {
    return this.#since !== undefined && !this.#givenUp;
  }

  /** Since when there is doubt; Infinity: there is none. */
  get since(): number {
    return this.#since ?? Infinity;
  }

  /** Another way is in use from now on. */
  clear(): void {
    this.#since = undefined;
    this.#givenUp = false;
    this.#elsewhereAt = -Infinity;
  }

  /** The peer asks by another way: it doubts the one in use, and may be right. */
  elsewhere(now: number): void {
    this.#elsewhereAt = now;
  }

  /** @param heardAt when something of the peer came in, by this way as far as that is known */
  look(now: number, path: PingedPath, heardAt: number): void {
    if (this.#since === undefined) {
      if (now >= this.#dueAt(path, heardAt)) this.#since = now;
    } else if (path.lastPongAt > this.#since) this.clear();
    else this.#givenUp ||= now >= this.#since + longestMs;
  }

  /** When `look` may find something else, if nothing comes in. */
  dueAt(path: PingedPath, heardAt: number): number {
    if (this.#since === undefined) return this.#dueAt(path, heardAt);
    return this.#givenUp ? Infinity : this.#since + longestMs;
  }

  /**
   * The other way is as good as proven better.
   *
   * @param answeredAt when the other way answered last
   */
  loses(now: number, path: PingedPath, answeredAt: number): boolean {
    if (this.#since === undefined || this.#givenUp || path.missed < leaveMisses) return false;
    return answeredAt > this.#since && now >= this.#since + Math.max(leaveMs, timeoutMs(path));
  }

  #dueAt(path: PingedPath, heardAt: number): number {
    if (path.missed === 0) return Infinity;
    const answerMs = Math.max(answerLeastMs, timeoutMs(path));
    // Of several questions the last is not the first that had no answer.
    const asked = path.missed === 1 ? path.lastPingAt + answerMs : -Infinity;
    const silent = Math.max(asked, heardAt + answerMs);
    if (heardAt < this.#elsewhereAt + elsewhereMs) return asked;
    if (path.missed < carriedMisses) return silent;
    return Math.min(silent, path.lastPongAt + Math.max(carriedMs, 2 * timeoutMs(path)));
  }
}
