import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Agenda } from '../../../src/core/lib/agenda.js';

describe('Agenda', () => {
  it('gives who is due, the earliest first, once', () => {
    const agenda = new Agenda<string>();
    agenda.set('b', 20);
    agenda.set('a', 10);
    agenda.set('c', 30);
    expect(agenda.firstAt).toBe(10);
    expect([agenda.take(25), agenda.take(25), agenda.take(25)]).toEqual(['a', 'b', undefined]);
    expect([agenda.firstAt, agenda.size]).toEqual([30, 1]);
  });

  it('knows one time of each, the last one set, and none when that is never', () => {
    const agenda = new Agenda<string>();
    agenda.set('a', 10);
    agenda.set('a', 30);
    agenda.set('b', 20);
    expect(agenda.firstAt).toBe(20);
    agenda.set('b', Infinity);
    expect(agenda.firstAt).toBe(30);
    agenda.delete('a');
    agenda.delete('a');
    expect([agenda.firstAt, agenda.size, agenda.take(1_000)]).toEqual([Infinity, 0, undefined]);
  });

  it('is a list of times, whatever is set, taken and deleted', () => {
    const step = fc.record({
      item: fc.integer({ min: 0, max: 12 }),
      // So that there are usually many on it.
      at: fc.integer({ min: 0, max: 56 }).map((at) => (at > 50 ? Infinity : at)),
      take: fc.integer({ min: 0, max: 7 }).map((n) => n === 0),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 40, maxLength: 160 }), (steps) => {
        const agenda = new Agenda<number>();
        const model = new Map<number, number>();
        for (const { item, at, take } of steps) {
          if (take) {
            const first = Math.min(...model.values());
            const taken = agenda.take(25);
            expect(taken === undefined ? undefined : model.get(taken)).toBe(first <= 25 ? first : undefined);
            if (taken !== undefined) model.delete(taken);
          } else {
            agenda.set(item, at);
            if (at === Infinity) model.delete(item);
            else model.set(item, at);
          }
          expect(agenda.firstAt).toBe(Math.min(...model.values()));
          expect(agenda.size).toBe(model.size);
        }
      }),
    );
  });
});
