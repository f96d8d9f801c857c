/** Whether a link of the overlay lives; what stands above and below it is in liveness.ts. Times are monotonic ms. */

/** How often each side sends something, ms: ring neighbours and anchors, others. */
export const ringBeatMs = 2_000;
export const otherBeatMs = 4_000;
/** Silence beyond a beat that is late before the other side is asked, how often it is asked, and until when. */
const lateMs = 400;
const askEveryMs = 500;
const lateSuspectMs = 700;
const lateDeadMs = 3_000;
/** Packets went out and nothing came back: ask, send others' packets another way, give up. */
const waitingAskMs = 600;
const waitingSuspectMs = 1_100;
const waitingDeadMs = 4_000;
/** The same once the rendezvous has said that it is gone. */
const doubtedDeadMs = 1_600;
/** It was cut off, as others were, and comes back to the relay in its own time: silence from when there is a way again. */
const unprovenDeadMs = 10_000;

/** Ask: the other side is asked to answer at once. */
export type LinkVerdict = 'alive' | 'ask' | 'dead';

/** Whether one link lives. */
export class LinkLiveness {
  /** It does not answer: others' packets had better go another way. */
  suspect = false;
  #since: number;
  #askedAt = -Infinity;
  #doubtedAt: number | undefined;
  /** Nothing came since it was cut off. */
  #unproven = false;

  constructor(now: number) {
    this.#since = now;
  }

  /** The link came up, or its other side is another process now: nothing held against it holds. */
  came(now: number): void {
    this.#since = now;
    this.suspect = this.#unproven = false;
    this.#doubtedAt = undefined;
    this.#askedAt = -Infinity;
  }

  /** The rendezvous says that it went offline: it has a moment to show that it lives. */
  doubt(now: number): void {
    this.#doubtedAt ??= now;
  }

  /** There is no way to it now: its silence counts from here on, and when there is one again, it is asked first. */
  cutOff(now: number): void {
    this.came(now);
    this.suspect = this.#unproven = true;
  }

  /**
   * @param beatMs how often the other side sends something
   * @param silence ms since anything came from it
   * @param waiting ms since packets went out with nothing coming back, 0 for none
   */
  judge(now: number, beatMs: number, silence: number, waiting: number): LinkVerdict {
    const quiet = Math.min(silence, now - this.#since);
    if (quiet < now - this.#since) this.#unproven = false;
    if (this.#doubtedAt !== undefined && quiet < now - this.#doubtedAt) this.#doubtedAt = undefined;
    const doubted = this.#doubtedAt === undefined ? 0 : now - this.#doubtedAt;
    const unanswered = Math.max(doubted, Math.min(waiting, quiet));
    const late = quiet - beatMs - lateMs;
    const silent = this.#unproven ? quiet > unprovenDeadMs : late > lateDeadMs || unanswered > waitingDeadMs;
    if (silent || doubted > doubtedDeadMs) return 'dead';
    this.suspect = this.#unproven || late > lateSuspectMs || unanswered > waitingSuspectMs;
    const ask = this.#unproven || late > 0 || doubted > 0 || unanswered > waitingAskMs;
    if (!ask || now - this.#askedAt < askEveryMs - 1) return 'alive';
    this.#askedAt = now;
    return 'ask';
  }

  /** When `judge` is due next, if nothing comes and nothing goes out. */
  dueAt(now: number, beatMs: number, silence: number): number {
    const late = now - Math.min(silence, now - this.#since) + beatMs + lateMs + 1;
    return late > now && this.#doubtedAt === undefined ? late : now + askEveryMs / 2;
  }
}
