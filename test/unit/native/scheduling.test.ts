import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { Arena } from '../../../src/core/native/arena.js';
import { threadUrgency } from '../../../src/core/native/scheduling.js';
import { need } from '../../support/need.js';

const ordinary = 0;
const realTime = 2;

/** Field 41 of proc(5) stat: the policy of this thread. */
function policy(): number {
  const stat = readFileSync('/proc/thread-self/stat', 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[38]);
}

/** Whether this system lets us have SCHED_RR, as chrt(1) finds it. */
const chrt = spawnSync('chrt', ['--rr', '1', 'true']);
const linux = need('Linux with chrt', process.platform === 'linux' && chrt.error === undefined);

describe.runIf(linux)('threadUrgency', () => {
  it('puts the thread before others where that is allowed, only there, and back', () => {
    const urgent = chrt.status === 0 ? realTime : ordinary;
    const set = threadUrgency(new Arena(64));
    expect(policy()).toBe(ordinary);
    for (let i = 0; i < 2; i++) {
      set(true);
      expect(policy()).toBe(urgent);
      set(true);
      expect(policy()).toBe(urgent);
      set(false);
      expect(policy()).toBe(ordinary);
    }
  });

  it('starts ordinary programs while it is before others', () => {
    const set = threadUrgency(new Arena(64));
    set(true);
    const child = spawnSync('chrt', ['--pid', '0'], { encoding: 'utf8' });
    set(false);
    expect(child.stdout).toContain('SCHED_OTHER');
  });
});
