import { describe, expect, it } from 'vitest';
import { defaultThreads, rolesOf } from '../../../src/core/dataplane/plane/roles.js';

describe('rolesOf', () => {
  it('lets one thread do everything', () => {
    expect(rolesOf(1).threads).toEqual([
      { transmits: true, receives: true, steward: true, queue: 0, socket: 0 },
    ]);
  });

  it.each([2, 3, 4, 5, 8, 64])('has every queue and socket of %d threads read by one', (count) => {
    const { threads, queues, sockets } = rolesOf(count);
    const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
    expect(threads.length).toBe(count);
    expect(threads.flatMap((t) => (t.transmits ? [t.queue] : []))).toEqual(numbers(queues));
    expect(threads.flatMap((t) => (t.receives ? [t.socket] : []))).toEqual(numbers(sockets));
    expect(threads.every((t) => t.transmits !== t.receives)).toBe(true);
    expect(threads.every((t) => t.queue < queues && t.socket < sockets)).toBe(true);
    expect(threads.map((t) => t.steward)).toEqual(threads.map((_, i) => i === 0));
    expect(threads[0]?.transmits).toBe(true);
  });

  it('uses one thread by default where there are few processors', () => {
    expect([1, 2, 3, 4, 64].map(defaultThreads)).toEqual([1, 1, 1, 2, 2]);
  });
});
