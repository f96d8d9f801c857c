/**
 * When a node is asked for all its members: an answer of a thousand costs the node and its asker some 20 ms each. At rest
 * that is seldom; while anything passes the interface, and once when that ended, at each look at the node's own numbers, or
 * so seldom that the answers take a small part of the time. A machine.
 */

/** While nothing passes, ms. */
export const restMs = 10_000;
/** Part of the time that answers may take. */
const share = 0.02;
/** Less than this, bytes a second, is no traffic. */
const quietRate = 500;

export class MembersPace {
  #asked: { readonly at: number; readonly tookMs: number; readonly passed: boolean } | undefined;
  #counted: { readonly at: number; readonly bytes: number } | undefined;
  #passes = false;

  /**
   * A look at the node's own numbers: are its members to be asked for, too?
   *
   * @param now ms of any clock
   * @param bytes what has passed the interface so far, both ways
   */
  due(now: number, bytes: number): boolean {
    const { at, bytes: before } = this.#counted ?? { at: now, bytes };
    this.#passes = bytes - before > (quietRate * (now - at)) / 1_000;
    this.#counted = { at: now, bytes };
    const asked = this.#asked;
    if (!asked) return true;
    return now - asked.at >= Math.max(this.#passes || asked.passed ? 0 : restMs, asked.tookMs / share);
  }

  /** They were asked for at `now`, which took so long. */
  asked(now: number, tookMs: number): void {
    this.#asked = { at: now, tookMs, passed: this.#passes };
  }
}
