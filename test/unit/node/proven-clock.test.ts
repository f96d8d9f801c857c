import { describe, expect, it } from 'vitest';
import { ProvenClock } from '../../../src/core/node/proven-clock.js';

const hour = 3_600_000;
const day = 24 * hour;
const truth = Date.UTC(2026, 5, 1);

/** A machine whose calendar can be set. */
function rig(date: number) {
  const machine = { mono: 5_000, date };
  const clock = new ProvenClock({
    now: () => machine.mono,
    date: () => machine.date,
    after: () => () => undefined,
  });
  const pass = (ms: number): void => {
    machine.mono += ms;
    machine.date += ms;
  };
  return { machine, clock, pass };
}

describe('the date of a machine', () => {
  it('is its own while no relay says otherwise', () => {
    const { clock, machine } = rig(truth - day);
    expect([clock.date(), clock.behindMs]).toEqual([machine.date, 0]);
  });

  it('that is behind is what the relay proves, goes on with time, and is its own again once that is right', () => {
    const { clock, machine, pass } = rig(truth - day);
    expect(clock.prove('a', truth, Infinity)).toBe(day);
    expect([clock.date(), clock.behindMs]).toEqual([truth, day]);
    pass(hour);
    expect(clock.date()).toBe(truth + hour);
    machine.date = truth + hour + 500;
    expect([clock.date(), clock.behindMs]).toEqual([truth + hour + 500, 0]);
  });

  it('is never set back, and small differences are left alone', () => {
    const { clock, machine } = rig(truth);
    clock.prove('a', truth - day, Infinity);
    expect(clock.date()).toBe(truth);
    clock.prove('a', truth + 59_000, Infinity);
    expect([clock.date(), clock.behindMs]).toEqual([machine.date, 0]);
  });

  it('that is ahead of all relays says so, until it is right, at once', () => {
    const { clock, machine, pass } = rig(truth + day);
    expect(clock.aheadMs).toBe(0);
    clock.prove('a', truth, Infinity);
    pass(hour);
    expect([clock.aheadMs, clock.behindMs]).toEqual([day, 0]);
    machine.date = truth + hour;
    expect(clock.aheadMs).toBe(0);
    machine.date += day;
    clock.prove('agrees', machine.date, Infinity);
    expect(clock.aheadMs).toBe(0);
  });

  it('is that of the relay nearest to its own clock, and never after its certificate', () => {
    const { clock } = rig(truth - day);
    clock.prove('liar', truth + 400 * day, truth + 30 * day);
    expect(clock.date()).toBe(truth + 30 * day);
    clock.prove('honest', truth, truth + 30 * day);
    expect(clock.date()).toBe(truth);
    clock.prove('right', truth - day, truth + 30 * day);
    expect(clock.date()).toBe(truth - day);
  });
});
