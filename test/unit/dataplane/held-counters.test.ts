/** Counters of a key that goes from one process to another, whichever of the two has one thread or several. */
import { describe, expect, it } from 'vitest';
import {
  KeyMemory,
  OwnKeyState,
  SharedKeyState,
  type KeyState,
} from '../../../src/core/dataplane/keys/key-state.js';
import type { HeldCounters } from '../../../src/core/dataplane/plane/held.js';
import { sharedMemory } from '../../../src/core/dataplane/plane/shared.js';

interface Kind {
  make(held?: HeldCounters): { readonly state: KeyState; held(): HeldCounters };
}

const one: Kind = {
  make: (held) => {
    const state = new OwnKeyState(sharedMemory(), 5, false, held);
    return { state, held: () => state.held() };
  },
};
const several: Kind = {
  make: (held) => {
    const memory = new KeyMemory();
    if (held) memory.restore(3, held);
    return { state: new SharedKeyState(memory, 3), held: () => memory.held(3) };
  },
};
const kinds = [
  ['one thread to one', one, one],
  ['one thread to several', one, several],
  ['several threads to one', several, one],
  ['several threads to several', several, several],
] as const;

/** 0 to 1, the same each time. */
function draws(seed: number): () => number {
  let x = seed;
  return () => {
    x = (Math.imul(x, 1_664_525) + 1_013_904_223) | 0;
    return (x >>> 8) / 0x100_0000;
  };
}

describe.each(kinds)('from %s', (_name, from, to) => {
  it('no counter is used for sending twice', () => {
    const before = from.make();
    let last = 0;
    for (let i = 0; i < 1_000; i++) last = before.state.take();
    const after = to.make(before.held());
    expect(after.state.take()).toBeGreaterThan(last);
  });

  it('no counter is accepted twice, and none that may still come is refused', () => {
    const random = draws(7);
    const before = from.make();
    const accepted = new Set<number>();
    for (let at = 0; at < 40_000; at += 1 + Math.floor(random() * 40)) {
      const counter = Math.max(0, at - Math.floor(random() * 3_000));
      if (before.state.accept(counter)) accepted.add(counter);
    }
    const after = to.make(before.held());
    const next = Math.max(...accepted) + 1;
    for (let counter = 0; counter < next + 100; counter++) {
      const fresh = !accepted.has(counter);
      if (counter < next - 8_160) expect(after.state.accept(counter) && !fresh).toBe(false);
      else expect([counter, after.state.accept(counter)]).toEqual([counter, fresh]);
    }
  });

  it('a key that nothing came under begins with an empty window', () => {
    const after = to.make(from.make().held());
    expect(after.state.accept(0)).toBe(true);
    expect(after.state.accept(0)).toBe(false);
  });
});

it('a counter that several threads could not go on from seals nothing more', () => {
  const held = { sent: 2 ** 40, window: { next: 0, ring: new Int32Array(256) } };
  const { state } = several.make(held);
  expect(state.take()).toBeGreaterThanOrEqual(state.limit);
});
