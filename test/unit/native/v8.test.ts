import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { afterEach, describe, expect, it } from 'vitest';
import { tellBuffered } from '../../../src/core/native/v8.js';

const observers: PerformanceObserver[] = [];
afterEach(() => {
  for (const observer of observers.splice(0)) observer.disconnect();
});

/** Collections of the young generation while `work` is done. */
async function collections(work: () => void): Promise<number> {
  let seen = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { detail: { kind: number } })[])
      if (entry.detail.kind === constants.NODE_PERFORMANCE_GC_MINOR) seen++;
  });
  observers.push(observer);
  observer.observe({ entryTypes: ['gc'] });
  work();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return seen;
}

describe('told of buffers', () => {
  it('collects the young generation every 16 MB of them', async () => {
    const found = await collections(() => {
      for (let i = 0; i < 4 * 16 * 16; i++) tellBuffered(1 << 16);
    });
    expect(found).toBeGreaterThanOrEqual(4);
    expect(found).toBeLessThan(10);
  });
});
