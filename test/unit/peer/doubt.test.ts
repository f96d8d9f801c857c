/** When a way is in doubt, by numbers and times. */
import { describe, expect, it } from 'vitest';
import { Doubt } from '../../../src/core/peer/doubt.js';
import type { PingedPath } from '../../../src/core/peer/liveness.js';

const way = (wish: Partial<PingedPath> = {}): PingedPath => ({
  rttMs: 10,
  rttVarMs: 0,
  lastPingAt: 10_000,
  lastPongAt: 8_000,
  missed: 1,
  ...wish,
});

describe('a way', () => {
  it('is in doubt when a ping is not answered in time, and until one is', () => {
    const doubt = new Doubt();
    doubt.look(20_000, way({ missed: 0 }), 9_500);
    expect(doubt.doubted).toBe(false);
    expect(doubt.dueAt(way({ missed: 0 }), 9_500)).toBe(Infinity);
    doubt.look(10_299, way(), 9_500);
    expect(doubt.doubted).toBe(false);
    expect(doubt.dueAt(way(), 9_500)).toBe(10_300);
    doubt.look(10_300, way(), 9_500);
    expect(doubt.doubted).toBe(true);
    // What comes in proves nothing of the way out.
    doubt.look(11_000, way({ missed: 2 }), 10_990);
    expect(doubt.doubted).toBe(true);
    doubt.look(11_200, way({ missed: 0, lastPongAt: 11_100 }), 11_100);
    expect(doubt.doubted).toBe(false);
  });

  it('has the time that was measured', () => {
    const doubt = new Doubt();
    const far = way({ rttMs: 800, rttVarMs: 300 });
    doubt.look(11_999, far, 9_500);
    expect(doubt.doubted).toBe(false);
    doubt.look(12_000, far, 9_500);
    expect(doubt.doubted).toBe(true);
  });

  it('by which something still comes in is in doubt late, or as soon as the peer asks by another', () => {
    const missed = way({ missed: 4, lastPongAt: 9_000 });
    const doubt = new Doubt();
    doubt.look(11_499, missed, 11_400);
    expect(doubt.doubted).toBe(false);
    doubt.look(11_500, missed, 11_400);
    expect(doubt.doubted).toBe(true);
    const told = new Doubt();
    told.elsewhere(10_100);
    told.look(10_300, way(), 10_290);
    expect(told.doubted).toBe(true);
    const later = new Doubt();
    later.elsewhere(8_000);
    later.look(10_300, way(), 10_290);
    expect(later.doubted).toBe(false);
  });

  it('is given up after 5 s, and doubted again only after it answered', () => {
    const doubt = new Doubt();
    doubt.look(11_000, way(), 9_500);
    doubt.look(15_999, way({ missed: 9 }), 9_500);
    expect(doubt.doubted).toBe(true);
    expect(doubt.dueAt(way(), 9_500)).toBe(16_000);
    doubt.look(16_000, way({ missed: 9 }), 9_500);
    doubt.look(30_000, way({ missed: 9 }), 9_500);
    expect(doubt.doubted).toBe(false);
    doubt.look(31_000, way({ missed: 0, lastPongAt: 31_000 }), 31_000);
    doubt.look(41_000, way({ lastPingAt: 40_000, lastPongAt: 31_000 }), 31_000);
    expect(doubt.doubted).toBe(true);
  });

  it('loses to another that answers meanwhile, not by a single ping', () => {
    const doubt = new Doubt();
    doubt.look(11_000, way(), 9_500);
    expect(doubt.loses(12_199, way({ missed: 3 }), 11_500)).toBe(false);
    expect(doubt.loses(12_200, way({ missed: 2 }), 11_500)).toBe(false);
    expect(doubt.loses(12_200, way({ missed: 3 }), 10_900)).toBe(false);
    expect(doubt.loses(12_200, way({ missed: 3 }), 11_500)).toBe(true);
    // A queue before it: three seconds for an answer that takes one and a half.
    expect(doubt.loses(13_999, way({ missed: 3, rttMs: 1_500 }), 11_500)).toBe(false);
  });
});
