import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../../src/core/native/arena.js';
import { threadUrgency } from '../../../src/core/native/scheduling.js';

/** Field 41 of proc(5) stat: the policy of this thread. */
function policy(): number {
  const stat = readFileSync('/proc/thread-self/stat', 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]);
}

describe.runIf(process.platform === 'linux')('threadUrgency', () => {
  it('puts the thread before others where that is allowed, and back', () => {
    const set = threadUrgency(new Arena(64));
    expect(policy()).toBe(0);
    set(true);
    const urgent = policy();
    // SCHED_RR, or as before where the system does not allow it.
    expect([0, 2]).toContain(urgent);
    if (process.getuid?.() === 0 && process.env['CI'] === 'true') expect(urgent).toBe(2);
    set(true);
    expect(policy()).toBe(urgent);
    set(false);
    expect(policy()).toBe(0);
  });
});
