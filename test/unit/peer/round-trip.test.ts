import { describe, expect, it } from 'vitest';
import { longestTimeoutMs, measured, timeoutMs, type RoundTrip } from '../../../src/core/peer/round-trip.js';

const fresh = (): RoundTrip => ({ rttMs: null, rttVarMs: 0 });

describe('a round trip', () => {
  it('begins as RFC 6298 says, and rises by its weights', () => {
    const trip = fresh();
    expect(timeoutMs(trip)).toBe(0);
    measured(trip, 100);
    expect([trip.rttMs, trip.rttVarMs, timeoutMs(trip)]).toEqual([100, 50, 300]);
    measured(trip, 180);
    expect([trip.rttMs, trip.rttVarMs]).toEqual([110, 57.5]);
  });

  it('waits for two round trips at least, and never beyond its bound', () => {
    const trip = fresh();
    for (let i = 0; i < 100; i++) measured(trip, 200);
    expect(timeoutMs(trip)).toBeCloseTo(400, 0);
    measured(trip, 60_000);
    expect(timeoutMs(trip)).toBe(longestTimeoutMs);
  });

  it('forgets a queue that has drained within some samples', () => {
    const trip = fresh();
    for (let i = 0; i < 20; i++) measured(trip, 20);
    for (let i = 0; i < 20; i++) measured(trip, 2_400);
    expect(timeoutMs(trip)).toBeGreaterThan(2_400);
    for (let i = 0; i < 8; i++) measured(trip, 20);
    expect(timeoutMs(trip)).toBeLessThan(600);
  });
});
