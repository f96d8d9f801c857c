import { spawnSync } from 'node:child_process';
import { constants, PerformanceObserver, type PerformanceEntry } from 'node:perf_hooks';
import { afterEach, describe, expect, it } from 'vitest';
import { Tidying, tellBuffered } from '../../../src/core/native/v8.js';

const observers: PerformanceObserver[] = [];
afterEach(() => {
  for (const observer of observers.splice(0)) observer.disconnect();
});

/** Collections of the young generation, or of all, while `work` is done. */
async function collections(work: () => void, kind = constants.NODE_PERFORMANCE_GC_MINOR): Promise<number> {
  let seen = 0;
  const observer = new PerformanceObserver((list) => {
    for (const entry of list.getEntries() as (PerformanceEntry & { detail: { kind: number } })[])
      if (entry.detail.kind === kind) seen++;
  });
  observers.push(observer);
  observer.observe({ entryTypes: ['gc'] });
  work();
  await new Promise((resolve) => setTimeout(resolve, 100));
  return seen;
}

describe('tidying', () => {
  it('looks through the whole heap once, when nobody came for two seconds after many', async () => {
    const tidying = new Tidying();
    for (let i = 0; i < 63; i++) tidying.made(1_000);
    expect(tidying.dueAt).toBe(Infinity);
    tidying.made(1_000);
    expect(tidying.dueAt).toBe(3_000);
    tidying.made(2_000);
    expect(tidying.dueAt).toBe(4_000);
    const found = await collections(() => {
      tidying.tick();
    }, constants.NODE_PERFORMANCE_GC_MAJOR);
    expect(found).toBe(1);
    expect(tidying.dueAt).toBe(Infinity);
  });
});

describe('told of buffers', () => {
  it('collects the young generation every 16 MB of them', async () => {
    const found = await collections(() => {
      for (let i = 0; i < 4 * 16 * 16; i++) tellBuffered(1 << 16);
    });
    expect(found).toBeGreaterThanOrEqual(4);
    expect(found).toBeLessThan(10);
  });
});

describe('early compilation', () => {
  it('is of what runs while packets are handled, and of nothing else', () => {
    // In a process of its own: V8 has one number for all of a process, and is to compile before it goes on.
    const program = `
      import { EarlyCompilation } from ${JSON.stringify(new URL('../../../dist/core/native/v8.js', import.meta.url).href)};
      const isCompiled = new Function('f', 'return (%GetOptimizationStatus(f) & 16) !== 0');
      let seed = 0;
      const calls = (before, after) => {
        const f = new Function('n', 'let s = ' + ++seed + '; for (let i = 0; i < n; i++) s = (s + i * 7) % 1000; return s;');
        let made = 0;
        for (; made < 2000 && !isCompiled(f); made++) {
          before();
          f(10);
          after();
        }
        return made;
      };
      const nothing = () => undefined;
      const early = new EarlyCompilation();
      const never = calls(nothing, nothing);
      const within = calls(() => early.begin(), () => early.end());
      const outside = calls(() => (early.begin(), early.end()), nothing);
      console.log(JSON.stringify({ never, within, outside }));`;
    const flags = ['--allow-natives-syntax', '--no-concurrent-recompilation', '--input-type=module'];
    // Another Node than that of the tests may be named.
    const node = process.env['EVIO_TEST_NODE'] ?? process.execPath;
    const { stdout, stderr } = spawnSync(node, [...flags, '-e', program], { encoding: 'utf8' });
    // V8 would say here that it knows no such flag.
    expect(stderr).toBe('');
    const { never, within, outside } = JSON.parse(stdout) as Record<'never' | 'within' | 'outside', number>;
    expect(never).toBeLessThan(2_000);
    expect(within * 3).toBeLessThan(never);
    expect(outside).toBe(never);
  });
});
