import { describe, expect, it } from 'vitest';
import { anomalyLimits, AnomalyWatch, type Conduct } from '../../../src/core/policy/anomaly.js';
import { Quarantine } from '../../../src/core/policy/quarantine.js';

const innocent: Conduct = { scan: 0, spoof: 0, flood: 0, storm: 0, replay: 0 };

describe('AnomalyWatch', () => {
  it('finds what is reached within ten seconds, and tells it once a minute', () => {
    const watch = new AnomalyWatch();
    expect(watch.look(0, 'a', { ...innocent, scan: anomalyLimits.scan - 1 })).toEqual([]);
    expect(watch.look(9_000, 'a', { ...innocent, scan: anomalyLimits.scan })).toEqual([
      { kind: 'scan', count: anomalyLimits.scan },
    ]);
    expect(watch.look(9_500, 'a', { ...innocent, scan: 100 })).toEqual([]);
    expect(watch.look(9_500, 'a', { ...innocent, scan: 100, spoof: 20, storm: 20 })).toEqual([
      { kind: 'spoof', count: 20 },
      { kind: 'storm', count: 20 },
    ]);
    expect(watch.look(69_001, 'a', { ...innocent, scan: 200, spoof: 21, storm: 21 })).toEqual([
      { kind: 'scan', count: 100 },
    ]);
  });

  it('looks once more, at what was over before anybody was told again', () => {
    const watch = new AnomalyWatch();
    expect(watch.dueAt).toBe(Infinity);
    // The first packet of a burst is told, the others are not.
    expect(watch.look(0, 'a', { ...innocent, spoof: 1 })).toEqual([]);
    watch.look(300, 'b', { ...innocent, scan: 1 });
    watch.look(400, 'a', { ...innocent, spoof: 2 });
    expect(watch.dueAt).toBe(1_300);
    expect(watch.due(1_299)).toEqual([]);
    expect(watch.due(1_300)).toEqual(['b']);
    expect(watch.due(1_400)).toEqual(['a']);
    expect(watch.judge(1_400, 'a', { ...innocent, spoof: 25 })).toEqual([{ kind: 'spoof', count: 25 }]);
    // That look is the last, and who is gone is not looked at.
    expect(watch.dueAt).toBe(Infinity);
    watch.look(2_000, 'a', innocent);
    watch.forget('a');
    expect(watch.dueAt).toBe(Infinity);
  });

  it('does not mind what comes slowly, however much it is in the end', () => {
    const watch = new AnomalyWatch();
    for (let i = 1; i < 1_000; i++)
      expect(watch.look(i * 1_000, 'a', { ...innocent, scan: i, spoof: i, storm: i })).toEqual([]);
  });

  it('sees a burst after a long rest, and forgets who goes', () => {
    const watch = new AnomalyWatch();
    watch.look(0, 'a', { ...innocent, spoof: 5 });
    expect(watch.look(900_000, 'a', { ...innocent, spoof: 25 })).toEqual([{ kind: 'spoof', count: 20 }]);
    watch.forget('a');
    expect(watch.look(900_001, 'a', { ...innocent, spoof: 1 })).toEqual([]);
    expect(watch.look(900_002, 'b', innocent)).toEqual([]);
  });
});

describe('Quarantine', () => {
  it('ends in time, the longer of two counts', () => {
    const quarantine = new Quarantine();
    expect(quarantine.dueAt).toBe(Infinity);
    quarantine.confine(0, 'a', 'scan', 1_000);
    quarantine.confine(0, 'b', 'spoof', 5_000);
    quarantine.confine(500, 'a', 'flood', 200);
    expect(quarantine.get('a')).toEqual({ kind: 'scan', until: 1_000 });
    quarantine.confine(500, 'a', 'flood', 1_000);
    expect(quarantine.dueAt).toBe(1_500);
    expect(quarantine.release(1_499)).toEqual([]);
    expect(quarantine.release(1_500)).toEqual(['a']);
    expect([...quarantine.ids()]).toEqual(['b']);
    quarantine.free('b');
    expect(quarantine.dueAt).toBe(Infinity);
  });
});
