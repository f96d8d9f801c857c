import { describe, expect, it } from 'vitest';
import { concerns, LogRing } from '../../../src/core/lib/log-ring.js';

const never = new AbortController().signal;

describe('LogRing', () => {
  it('keeps the last lines, numbered', () => {
    const ring = new LogRing();
    expect(ring.since(0)).toEqual([]);
    for (let i = 1; i <= 5_000; i++) ring.add(`{"i":${i}}\n`, i);
    const kept = ring.since(0);
    expect(kept).toHaveLength(2_000);
    expect(kept[0]).toEqual({ number: 3_001, at: 3_001, text: '{"i":3001}' });
    expect(ring.last).toBe(5_000);
    expect(ring.since(4_998).map(({ number }) => number)).toEqual([4_999, 5_000]);
    expect(ring.since(5_000)).toEqual([]);
    expect(ring.since(9_999)).toEqual([]);
  });

  it('keeps no more than half a megabyte, and forgets a line that is longer than that', () => {
    const ring = new LogRing();
    for (let i = 0; i < 100; i++) ring.add('x'.repeat(10_000), 0);
    expect(ring.since(0)).toHaveLength(52);
    ring.add('y'.repeat(600 * 1024), 0);
    expect(ring.since(0)).toEqual([]);
    ring.add('z', 0);
    expect(ring.since(0).map(({ text }) => text)).toEqual(['z']);
  });

  it('wakes who waits for a line, and who gives up', async () => {
    const ring = new LogRing();
    ring.add('a', 0);
    await ring.whenAfter(0, never);
    const order: string[] = [];
    const waits = ring.whenAfter(1, never).then(() => order.push('woken'));
    await Promise.resolve();
    order.push('added');
    ring.add('b', 0);
    await waits;
    expect(order).toEqual(['added', 'woken']);
    const abort = new AbortController();
    const given = ring.whenAfter(2, abort.signal);
    abort.abort();
    await given;
    await ring.whenAfter(2, abort.signal);
  });
});

it('concerns: a line names its network by name or id, or is about all', () => {
  const names = ['0123456789abcdef', 'home'];
  expect(concerns('{"network":"home"}', names)).toBe(true);
  expect(concerns('{"network":"0123456789abcdef"}', names)).toBe(true);
  expect(concerns('{"msg":"stopping"}', names)).toBe(true);
  expect(concerns('{"network":"work"}', names)).toBe(false);
});
