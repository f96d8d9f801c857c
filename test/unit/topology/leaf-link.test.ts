/** What an overlay tells of a link before the other side has told anything of itself. */
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/core/lib/env.js';
import { SimClock } from '../../../src/sim/clock.js';
import { Overlay } from '../../../src/core/topology/overlay.js';
import type { RingMessage } from '../../../src/core/wire/ring.js';
import { SeededRandom } from '../../support/virtual.js';

const id = (n: number): string => n.toString(16).padStart(2, '0').repeat(16);

/** Links two members, the first perhaps a leaf by its certificate; returns whom the second is told of. */
function toldOf(leaf: boolean): string[] {
  const clock = new SimClock();
  const told: { to: string; message: RingMessage }[] = [];
  const overlay = new Overlay(
    { id: id(1), role: 'switch' },
    {
      env: { clock, random: new SeededRandom(3), log: silentLogger },
      connect: () => undefined,
      disconnect: () => undefined,
      send: (to, message) => told.push({ to, message }),
      silence: () => 0,
      waiting: () => 0,
      locate: () => true,
      card: () => new Uint8Array(0),
      received: () => undefined,
      routes: () => undefined,
    },
  );
  overlay.start(clock.now());
  overlay.connected(clock.now(), id(2), false, leaf);
  overlay.connected(clock.now(), id(3), false);
  for (const end = clock.now() + 500; clock.now() < end;) {
    overlay.tick(clock.now());
    clock.run(clock.now() + 20);
  }
  return told.flatMap(({ to, message }) =>
    to === id(3) && message.type === 'table'
      ? [...message.successors, ...message.predecessors, ...message.others]
      : [],
  );
}

describe('a link that has told nothing yet', () => {
  it('is named to others, who may want it for a neighbour', () => {
    expect(toldOf(false)).toContain(id(2));
  });

  it('is not when its certificate says that it is a leaf: nobody could route through it', () => {
    expect(toldOf(true)).not.toContain(id(2));
  });
});
