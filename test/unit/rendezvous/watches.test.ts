import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Watches } from '../../../src/rendezvous/watches.js';

describe('Watches', () => {
  it('forget the id that was added least recently when there are too many', () => {
    const watches = new Watches<string>(3);
    for (const id of ['a', 'b', 'c']) expect(watches.add('w', id)).toBe(true);
    expect(watches.add('w', 'a')).toBe(false); // newest again
    watches.add('w', 'd');
    expect(['a', 'b', 'c', 'd'].filter((id) => watches.has('w', id))).toEqual(['a', 'c', 'd']);
    expect([...watches.of('b')]).toEqual([]);
    expect([...watches.of('a')]).toEqual(['w']);
  });

  it('know both ways the same, whatever happens, and never too much', () => {
    const watcher = fc.constantFrom('u', 'v', 'w');
    const id = fc.constantFrom(...'abcdefgh');
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), watcher, id }),
      fc.record({ kind: fc.constant('drop' as const), watcher }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const watches = new Watches<string>(4);
        const model = new Map<string, string[]>();
        for (const one of steps) {
          if (one.kind === 'drop') {
            watches.drop(one.watcher);
            model.delete(one.watcher);
          } else {
            watches.add(one.watcher, one.id);
            const before = (model.get(one.watcher) ?? []).filter((other) => other !== one.id);
            model.set(one.watcher, [...before, one.id].slice(-4));
          }
        }
        for (const other of 'abcdefgh') {
          const expected = ['u', 'v', 'w'].filter((w) => model.get(w)?.includes(other));
          expect([...watches.of(other)].sort()).toEqual(expected);
          for (const w of ['u', 'v', 'w']) expect(watches.has(w, other)).toBe(expected.includes(w));
        }
      }),
    );
  });
});
