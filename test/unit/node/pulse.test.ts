import { describe, expect, it } from 'vitest';
import { PeerTimers } from '../../../src/core/node/peer-timers.js';
import { Pulse, type Timed } from '../../../src/core/node/pulse.js';
import { VirtualClock } from '../../support/virtual.js';

/** Due every so many ms; notes when it was ticked. */
class Beat implements Timed {
  readonly ticks: number[] = [];
  readonly #every: number;
  dueAt: number;

  constructor(dueAt: number, every: number) {
    this.dueAt = dueAt;
    this.#every = every;
  }

  tick(now: number): void {
    this.ticks.push(now);
    this.dueAt = now + this.#every;
  }
}

function stage(...machines: Timed[]) {
  const clock = new VirtualClock(0);
  const pulse = new Pulse(clock, (deed) => {
    deed();
    pulse.set();
  });
  pulse.add(...machines);
  pulse.set();
  return { clock, pulse };
}

describe('Pulse', () => {
  it('ticks each machine when it is due, and no other', () => {
    const [slow, fast, never] = [new Beat(100, 100), new Beat(30, 40), new Beat(Infinity, 1)];
    const { clock, pulse } = stage(slow, fast, never);
    clock.advance(200);
    expect(slow.ticks).toEqual([100, 200]);
    expect(fast.ticks).toEqual([30, 70, 110, 150, 190]);
    expect(never.ticks).toEqual([]);
    expect(pulse.beats).toBe(7);
  });

  it('follows a machine that becomes due sooner or later', () => {
    const machine = new Beat(100, Infinity);
    const { clock, pulse } = stage(machine);
    machine.dueAt = 50;
    pulse.set();
    clock.advance(60);
    expect(machine.ticks).toEqual([50]);
    machine.dueAt = 90;
    pulse.set();
    machine.dueAt = 150;
    pulse.set();
    clock.advance(60);
    expect(machine.ticks).toEqual([50]);
    clock.advance(60);
    expect(machine.ticks).toEqual([50, 150]);
  });

  it('ticks what is late at once, but does not turn without end around a machine that stays late', () => {
    const late = new Beat(-10, 0);
    const { clock } = stage(late);
    clock.advance(20);
    expect(late.ticks.length).toBeLessThanOrEqual(21);
    expect(late.ticks[0]).toBe(0);
  });

  it('is silent once stopped', () => {
    const machine = new Beat(10, 10);
    const { clock, pulse } = stage(machine);
    pulse.stop();
    pulse.set();
    clock.advance(100);
    expect(machine.ticks).toEqual([]);
  });
});

describe('PeerTimers', () => {
  it('is due with the first of them, and looks again at those that were touched only', () => {
    const timers = new PeerTimers<Beat>();
    const [a, b] = [new Beat(100, 50), new Beat(200, 50)];
    timers.touch(a);
    timers.touch(b);
    timers.settle();
    expect(timers.dueAt).toBe(100);
    b.dueAt = 20;
    timers.settle();
    expect(timers.dueAt).toBe(100);
    timers.touch(b);
    timers.settle();
    expect(timers.dueAt).toBe(20);
    timers.tick(100);
    timers.settle();
    expect([a.ticks, b.ticks, timers.dueAt]).toEqual([[100], [100], 150]);
    timers.remove(a);
    timers.remove(b);
    timers.settle();
    expect(timers.dueAt).toBe(Infinity);
  });
});
