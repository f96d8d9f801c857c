/** How seldom a log says the same thing again: its one owner, for lines that are left out and for those that count. */

/** The pause after the first time, ms. */
export const firstPauseMs = 10_000;
/** The longest, ms. */
export const lastPauseMs = 600_000;

/** The pause after the next time: twice as long as the one before, up to the longest. */
export function longerPause(pauseMs: number): number {
  return Math.min(2 * pauseMs, lastPauseMs);
}
