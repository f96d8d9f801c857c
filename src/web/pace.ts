/**
 * When a node is asked for all its members: an answer of a thousand costs the node and its asker some 20 ms each. At rest
 * that is seldom. At each look at the node's own numbers they are asked for at first, while members tell their links; while
 * anything passes the interface, and once when that ended; and when something happened: or so seldom that the answers take a
 * small part of the time. A machine.
 */

/** While nothing passes, ms; and how long it is asked at each look at first. */
export const restMs = 10_000;
/** Part of the time that answers may take; and where something happened, of which a network in trouble has many a second. */
const share = 0.02;
const newsShare = 0.1;
/** Less than this, bytes a second, is no traffic. */
const quietRate = 500;

export class MembersPace {
  #begunAt: number | undefined;
  #asked: { readonly at: number; readonly tookMs: number; readonly passed: boolean } | undefined;
  #counted: { readonly at: number; readonly bytes: number } | undefined;
  #passes = false;

  /**
   * A look at the node's own numbers: are its members to be asked for, too?
   *
   * @param now ms of any clock
   * @param bytes what has passed the interface so far, both ways
   * @param news something happened since they were asked for
   */
  due(now: number, bytes: number, news: boolean): boolean {
    const { at, bytes: before } = this.#counted ?? { at: now, bytes };
    this.#passes = bytes - before > (quietRate * (now - at)) / 1_000;
    this.#counted = { at: now, bytes };
    this.#begunAt ??= now;
    const asked = this.#asked;
    if (!asked) return true;
    if (news) return now >= this.newsAt;
    const often = this.#passes || asked.passed || now - this.#begunAt < restMs;
    return now - asked.at >= Math.max(often ? 0 : restMs, asked.tookMs / share);
  }

  /** From then on they may be asked for because something happened, by the clock of `due`. */
  get newsAt(): number {
    return this.#asked ? this.#asked.at + this.#asked.tookMs / newsShare : -Infinity;
  }

  /** They were asked for at `now`, which took so long. */
  asked(now: number, tookMs: number): void {
    this.#asked = { at: now, tookMs, passed: this.#passes };
  }
}
