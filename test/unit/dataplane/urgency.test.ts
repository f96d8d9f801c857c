import { describe, expect, it } from 'vitest';
import { Urgency } from '../../../src/core/dataplane/loop/urgency.js';

/** Rounds of 0.2 ms from `from` on, with one frame of `bytes` each, and a sleep behind each. Returns the end. */
function rounds(urgency: Urgency, from: number, count: number, bytes: number, sleepMs = 0.1): number {
  let now = from;
  for (let i = 0; i < count; i++) {
    urgency.round(now, 1, bytes);
    now += 0.2;
    if (sleepMs > 0) {
      urgency.pause(now);
      now += sleepMs;
    }
  }
  return now;
}

describe('Urgency', () => {
  it('begins in no hurry', () => {
    const urgency = new Urgency();
    urgency.round(1, 0, 0);
    expect(urgency.urgent).toBe(false);
  });

  it('hurries while super-frames come from the interface', () => {
    const urgency = new Urgency();
    const now = rounds(urgency, 1_000, 10, 60_000);
    expect(urgency.urgent).toBe(true);
    // Acknowledgements only, for a moment.
    urgency.round(now, 0, 0);
    expect(urgency.urgent).toBe(true);
  });

  it.each([66, 110, 1_400])('does not hurry for frames of %d bytes, however many', (bytes) => {
    const urgency = new Urgency();
    for (let i = 0; i < 1_000; i++) {
      urgency.round(i / 10, 64, 64 * bytes);
      expect(urgency.urgent).toBe(false);
    }
  });

  it('does not hurry for one super-frame among many small frames', () => {
    const urgency = new Urgency();
    let hurried = 0;
    for (let i = 0; i < 100; i++) {
      urgency.round(i / 10, 20, 20 * 100 + 60_000);
      if (urgency.urgent) hurried++;
    }
    expect(hurried).toBe(0);
  });

  it('is calm again once nothing bulky came for a while', () => {
    const urgency = new Urgency();
    const now = rounds(urgency, 0, 10, 60_000);
    urgency.round(now + 10, 1, 98);
    expect(urgency.urgent).toBe(false);
    expect(urgency.bulk).toBe(false);
  });

  it('lets others have their turn when it never sleeps, until it does', () => {
    const urgency = new Urgency();
    let now = rounds(urgency, 0, 90, 60_000, 0);
    expect(urgency.urgent).toBe(true);
    now = rounds(urgency, now, 20, 60_000, 0);
    expect(urgency.urgent).toBe(false);
    expect(urgency.bulk).toBe(true);
    // What it waited for was there already: not a sleep.
    urgency.pause(now);
    urgency.round(now + 0.005, 1, 60_000);
    expect(urgency.urgent).toBe(false);
    urgency.pause(now + 0.2);
    urgency.round(now + 0.3, 1, 60_000);
    expect(urgency.urgent).toBe(true);
  });

  it('may go on for long when it sleeps now and then', () => {
    const urgency = new Urgency();
    let now = 0;
    for (let i = 0; i < 100; i++) {
      now = rounds(urgency, now, 50, 60_000, 0);
      expect(urgency.urgent).toBe(true);
      urgency.pause(now);
      now += 0.05;
    }
  });
});
