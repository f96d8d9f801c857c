/** What the operator reads of refusals, through the program's own log: nothing is lost, and little is written. */
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/core/process/log.js';
import { RefusalLog } from '../../../src/rendezvous/refusal-log.js';
import { VirtualClock } from '../../support/virtual.js';

describe('refusals in the log', () => {
  it('are all in a count, and told ever more seldom while they go on', async () => {
    const clock = new VirtualClock();
    const lines: { reason: string; count: number; repeated?: number }[] = [];
    const write = (line: string): void => void lines.push(JSON.parse(line) as (typeof lines)[0]);
    const log = createLogger({ level: 'info', pretty: false, colour: false, write });
    const refusals = new RefusalLog(clock, log);
    const seconds = 86_400;
    for (let i = 0; i < seconds; i++) {
      refusals.note('network-unknown');
      if (i % 1_000 === 0) refusals.note('full-network');
      await clock.run(1_000);
    }
    refusals.stop();
    const of = (wanted: string): typeof lines => lines.filter(({ reason }) => reason === wanted);
    const sum = (wanted: string): number => of(wanted).reduce((all, { count }) => all + count, 0);
    expect(sum('network-unknown')).toBe(seconds);
    expect(sum('full-network')).toBe(87);
    expect(of('network-unknown').length).toBeLessThan(160);
    expect(lines.every(({ repeated }) => repeated === undefined)).toBe(true);
  });

  it('are told at once again after a rest, whatever other reasons there are', async () => {
    const clock = new VirtualClock();
    const lines: unknown[] = [];
    const info = (_: string, fields?: object): void => void lines.push(fields);
    const log = { error: info, warn: info, info, debug: info, trace: info };
    const refusals = new RefusalLog(clock, log);
    refusals.note('a');
    refusals.note('b');
    refusals.note('a');
    expect(lines).toEqual([
      { reason: 'a', count: 1 },
      { reason: 'b', count: 1 },
    ]);
    await clock.run(60_000);
    expect(lines.slice(2)).toEqual([{ reason: 'a', count: 1 }]);
    refusals.note('a');
    expect(lines.slice(3)).toEqual([{ reason: 'a', count: 1 }]);
    refusals.stop();
    expect(lines).toHaveLength(4);
  });
});
