/** How much may wait for a line: half a second of it, whatever its rate. */
import { describe, expect, it } from 'vitest';
import { Backlog } from '../../../src/core/lib/backlog.js';

const memory = 1024 * 1024;
const batch = 12_000;

/**
 * A line of `rate(ms)` Mbit/s, offered `offered` Mbit/s for 10 s, of which the kernel holds up to `kernel` bytes: what waits longest in
 * the second half, ms, what waits most in the process, bytes, and what was carried of the line.
 */
function feed(
  rate: (ms: number) => number,
  offered: number,
  kernel: number,
): { waitMs: number; buffered: number; carried: number } {
  const backlog = new Backlog(memory);
  let waiting = 0;
  let owed = 0;
  const seen = { waitMs: 0, buffered: 0, carried: 0 };
  let possible = 0;
  for (let ms = 0; ms < 10_000; ms++) {
    owed += offered * 125;
    while (owed >= batch) {
      owed -= batch;
      const unsent = Math.min(kernel, waiting);
      if (backlog.admits(batch, waiting - unsent, unsent, ms)) waiting += batch;
    }
    const line = rate(ms) * 125;
    const sent = Math.min(waiting, line);
    seen.buffered = Math.max(seen.buffered, waiting - kernel);
    if (ms >= 5_000) {
      seen.waitMs = Math.max(seen.waitMs, waiting / line);
      seen.carried += sent;
      possible += line;
    }
    waiting -= sent;
  }
  return { ...seen, carried: seen.carried / possible };
}

describe.each([0, 100_000, 4_000_000])(
  'what waits for a line, of which the kernel holds %d bytes',
  (kernel) => {
    it.each([1, 2, 10])('is half a second of %d Mbit/s, and keeps it busy', (mbps) => {
      for (const offered of [mbps * 1.5, mbps * 3, mbps * 50]) {
        const { waitMs, carried } = feed(() => mbps, offered, kernel);
        // 64 KiB may wait however slow the line is, and a batch comes on top.
        expect(waitMs).toBeLessThan(Math.max(500, (64 * 1024) / (mbps * 125)) + batch / (mbps * 125) + 50);
        expect(carried).toBeGreaterThan(0.99);
      }
    });

    it('takes little memory where the line is fast', () => {
      const { buffered, carried } = feed(() => 1_000, 3_000, kernel);
      expect(buffered).toBeLessThan(memory + 2 * batch);
      expect(carried).toBeGreaterThan(0.99);
    });

    it('follows the line', () => {
      expect(feed((ms) => (ms < 4_000 ? 100 : 2), 20, kernel).waitMs).toBeLessThan(600);
      expect(feed((ms) => (ms < 4_000 ? 2 : 100), 90, kernel).carried).toBeGreaterThan(0.89);
    });
  },
);

describe('a line', () => {
  it('that stands still has little waiting', () => {
    const still = new Backlog(memory);
    let waiting = 1;
    for (let ms = 0; ms < 2_000; ms += 10) if (still.admits(batch, waiting, 0, ms)) waiting += batch;
    expect(waiting).toBeLessThan(256 * 1024 + 2 * batch);
    expect(still.limit).toBeLessThan(64 * 1024 + 1_000);
  });

  it('that pauses is not slow', () => {
    const backlog = new Backlog(memory);
    backlog.admits(batch, 0, 0, 0);
    backlog.admits(batch, batch, 0, 10);
    backlog.admits(batch, 0, 0, 60_000);
    backlog.admits(batch, 0, batch, 60_010);
    expect(backlog.limit).toBe(256 * 1024);
  });
});
