import { describe, expect, it } from 'vitest';
import { Uplinks } from '../../../src/core/surroundings/uplinks.js';

/** A machine with so many ways out, of which some are alive; it is looked at every second, and an answer takes 100 ms. */
function rig(count: number) {
  let now = 1_000;
  let heardAt = now;
  const alive = new Set(Array.from({ length: count }, (_, i) => i));
  const told: string[] = [];
  const probes: number[] = [];
  const looks: number[] = [];
  const uplinks: Uplinks = new Uplinks(now, {
    take: (over) => {
      if (over > 0) looks.push(now);
      if (over >= count) return false;
      told.push(`${(now - 1_000) / 1_000}: ${over}`);
      return true;
    },
    probe: () => probes.push(now),
  });
  const run = (seconds: number): void => {
    for (const end = now + seconds * 1_000; now < end;) {
      now += 1_000;
      if (alive.has(uplinks.over)) heardAt = now;
      const before = probes.length;
      uplinks.tick(now, heardAt);
      if (probes.length > before) uplinks.proven(now + 100, alive.has(0));
    }
  };
  /** What was taken since it was asked last. */
  const taken = (): string[] => told.splice(0);
  return { uplinks, alive, run, taken, probes, looks, now: () => now };
}

describe('the uplinks of a machine', () => {
  it('are left alone while anything is heard', () => {
    const { run, taken, probes, looks } = rig(2);
    run(3_600);
    expect([taken(), probes, looks]).toEqual([[], [], []]);
  });

  it('are changed when nothing was heard for 4.5 s, and back when the preferred one answered three times', () => {
    const { alive, run, taken, probes } = rig(2);
    run(60);
    alive.delete(0);
    run(60);
    expect(taken()).toEqual(['65: 1']);
    // After 5 s, 10 s, and then every 20 s.
    expect(probes.map((at) => at / 1_000 - 1)).toEqual([70, 81, 102]);
    alive.add(0);
    run(60);
    expect(taken()).toEqual(['135: 0']);
    run(600);
    expect(taken()).toEqual([]);
  });

  it('are tried one after the other', () => {
    const { alive, run, taken } = rig(3);
    run(60);
    alive.delete(0);
    alive.delete(1);
    run(60);
    expect(taken()).toEqual(['65: 1', '75: 2']);
  });

  it('are not looked for any oftener than every two minutes where there is one, or all are dead', () => {
    const one = rig(1);
    one.alive.clear();
    one.run(3_600);
    expect(one.taken()).toEqual([]);
    expect(one.looks.length).toBeLessThan(35);
    const both = rig(2);
    both.alive.clear();
    both.run(3_600);
    expect(both.taken().length).toBeLessThan(65);
    expect(both.probes).toEqual([]);
  });

  it('are tried at once when something of the machine changed, and anew when the preferred one is another', () => {
    const { uplinks, alive, run, taken, now } = rig(2);
    alive.clear();
    run(200);
    taken();
    alive.add(1);
    uplinks.look();
    run(1);
    expect(uplinks.over).toBe(1);
    run(10);
    uplinks.reset(now());
    expect(uplinks.over).toBe(0);
    taken();
    run(9);
    expect(taken()).toEqual([]);
    run(1);
    expect(taken()).toHaveLength(1);
  });

  it('need ever more answers of one that comes and goes, until it held for ten minutes', () => {
    const { alive, run, taken } = rig(2);
    run(60);
    const awayS: number[] = [];
    const flap = (): void => {
      alive.delete(0);
      run(11);
      expect(taken()).toHaveLength(1);
      alive.add(0);
      let s = 0;
      while (taken().length === 0) {
        run(1);
        s++;
      }
      awayS.push(s);
    };
    for (let i = 0; i < 5; i++) flap();
    run(601);
    flap();
    expect(awayS.map((s) => Math.round(s / 10) * 10)).toEqual([20, 40, 70, 140, 140, 20]);
  });
});
