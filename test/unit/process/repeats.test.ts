import { describe, expect, it } from 'vitest';
import { Repeats } from '../../../src/core/process/repeats.js';

describe('repeats', () => {
  it('writes a failure that goes on for a day some dozens of times, and counts what it leaves out', () => {
    const repeats = new Repeats();
    let written = 0;
    let left = 0;
    let tries = 0;
    for (let now = 0; now < 86_400_000; now += 5_000) {
      tries++;
      const passed = repeats.pass(now, 'relay down', { relay: 'r:1', reason: 'no route', retryInMs: now });
      if (passed === undefined) continue;
      written++;
      left += passed;
    }
    expect(written).toBeGreaterThan(100);
    expect(written).toBeLessThan(160);
    expect(tries - written - left).toBeLessThan(130);
  });

  it('writes what is another failure, what is none, and the same after a long rest', () => {
    const repeats = new Repeats();
    const down = { relay: 'r:1', reason: 'no route' };
    expect(repeats.pass(0, 'relay down', down)).toBe(0);
    expect(repeats.pass(1, 'relay down', down)).toBe(undefined);
    expect(repeats.pass(1, 'relay down', { ...down, relay: 'r:2' })).toBe(0);
    expect(repeats.pass(1, 'relay down', { ...down, reason: 'refused' })).toBe(0);
    expect(repeats.pass(1, 'relay gone', down)).toBe(0);
    for (let i = 0; i < 5; i++) expect(repeats.pass(1, 'relay up', { relay: 'r:1' })).toBe(0);
    expect(repeats.pass(10_000, 'relay down', down)).toBe(1);
    expect(repeats.pass(20_000, 'relay down', down)).toBe(undefined);
    expect(repeats.pass(3_600_000, 'relay down', down)).toBe(0);
  });

  it('leaves out nothing that counts for itself', () => {
    const repeats = new Repeats();
    for (let i = 0; i < 5; i++)
      expect(repeats.pass(i, 'relay refused nodes', { reason: 'network-unknown', count: 3 })).toBe(0);
  });

  it('keeps a bounded number of failures in mind', () => {
    const repeats = new Repeats();
    for (let i = 0; i < 1_000; i++) expect(repeats.pass(0, 'x', { reason: String(i) })).toBe(0);
    expect(repeats.pass(1, 'x', { reason: '999' })).toBe(undefined);
    expect(repeats.pass(1, 'x', { reason: '0' })).toBe(0);
  });
});
