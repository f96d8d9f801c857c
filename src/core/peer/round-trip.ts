/**
 * How long an answer takes, and how long it is waited for: smoothed round trip and its variance as RFC 6298 has them for
 * TCP, so that a queue that fills on the way is told from death. Plain data and two functions; all times are ms.
 */
export interface RoundTrip {
  /** Smoothed; null before the first answer. */
  rttMs: number | null;
  /** Smoothed deviation of the answers from it. */
  rttVarMs: number;
}

/** Nothing is waited for longer than this for one answer, whatever was measured (RFC 6298 2.5 lets it be bounded). */
export const longestTimeoutMs = 15_000;

/**
 * Takes a sample. A longer one moves both by the weights of RFC 6298 (1/8, 1/4). A shorter one is believed quickly, and
 * does not count as deviation: a queue has drained, and what it took says nothing of what comes.
 */
export function measured(trip: RoundTrip, sampleMs: number): void {
  const { rttMs } = trip;
  if (rttMs === null) {
    trip.rttMs = sampleMs;
    trip.rttVarMs = sampleMs / 2;
    return;
  }
  const shorter = sampleMs < rttMs;
  trip.rttVarMs = 0.75 * trip.rttVarMs + (shorter ? 0 : 0.25 * (sampleMs - rttMs));
  trip.rttMs = rttMs + (sampleMs - rttMs) / (shorter ? 2 : 8);
}

/**
 * After how long a question counts as unanswered: SRTT + 4 RTTVAR, and two round trips at least, since the next queue may
 * be as long again. 0 while nothing is known: callers have a least time of their own.
 */
export function timeoutMs({ rttMs, rttVarMs }: RoundTrip): number {
  if (rttMs === null) return 0;
  return Math.min(longestTimeoutMs, rttMs + Math.max(4 * rttVarMs, rttMs));
}
