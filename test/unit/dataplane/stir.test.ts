/** Traffic with a peer after a pause is told, once: so that nobody need look at the counters of who is quiet. */
import { describe, expect, it } from 'vitest';
import { Suite } from '../../../src/core/wire/packet.js';
import { plainFrame } from '../../support/frames.js';
import { fromDevice, idOf, macOf, makeRig, settle, slotOf, type Rig } from '../../support/loop-rig.js';

function stirred(rig: Rig): number[] {
  return rig.stirred.splice(0);
}

/** Nodes 1 … n; each pair of `linked` has keys and a direct path. */
function rigsOf(n: number, linked: readonly (readonly [number, number])[]) {
  const rigs = Array.from({ length: n }, (_, i) => makeRig(i + 1));
  const at = (k: number): Rig => rigs[k - 1] as Rig;
  for (const [a, b] of linked) {
    at(a).meet(b, { suite: Suite.aes256gcm });
    at(b).meet(a, { suite: Suite.aes256gcm });
  }
  const pass = (ms: number): void => {
    for (const rig of rigs) rig.time.now += ms;
  };
  const send = (from: number, to: Uint8Array): void => {
    at(from).io.deviceIn.push(fromDevice(plainFrame(to, macOf(from), 50)));
    at(from).run();
    settle(rigs);
  };
  return { rigs, at, pass, send };
}

describe('traffic after a pause', () => {
  it('is told by who sends and by who receives, and no more while it goes on', () => {
    const { at, pass, send } = rigsOf(2, [[1, 2]]);
    send(1, macOf(2));
    expect([stirred(at(1)), stirred(at(2))]).toEqual([[slotOf(2)], [slotOf(1)]]);
    for (let i = 0; i < 20; i++) {
      pass(999);
      send(i % 2 === 0 ? 2 : 1, macOf(i % 2 === 0 ? 1 : 2));
    }
    expect([stirred(at(1)), stirred(at(2))]).toEqual([[], []]);
    pass(1_000);
    send(2, macOf(1));
    send(1, macOf(2));
    expect([stirred(at(1)), stirred(at(2))]).toEqual([[slotOf(2)], [slotOf(1)]]);
  });

  it('is not control messages, keepalives, or what waits for a path', () => {
    const { rigs, at, send } = rigsOf(2, [[1, 2]]);
    for (const bytes of [Uint8Array.of(1, 2), new Uint8Array(0)]) {
      at(1).loop.command({ type: 'send-control', slot: slotOf(2), bytes, path: undefined });
      at(1).loop.commandsDone();
      settle(rigs);
    }
    at(1).loop.command({ type: 'set-path', slot: slotOf(2), path: null });
    send(1, macOf(2));
    expect([stirred(at(1)), stirred(at(2))]).toEqual([[], []]);
  });

  it('is what goes through, on both of its links', () => {
    const { at, send } = rigsOf(3, [
      [1, 2],
      [2, 3],
    ]);
    for (const [a, b] of [
      [1, 3],
      [3, 1],
    ] as const) {
      at(a).meet(b, { path: false, link: false });
      const path = { kind: 'overlay', destination: idOf(b) } as const;
      at(a).loop.command({ type: 'set-path', slot: slotOf(b), path });
    }
    send(1, macOf(3));
    expect(stirred(at(2)).sort()).toEqual([slotOf(1), slotOf(3)]);
    expect(stirred(at(1)).sort()).toEqual([slotOf(2), slotOf(3)]);
    expect(stirred(at(3)).sort()).toEqual([slotOf(1), slotOf(2)]);
  });

  it('is a flood, at each link that it goes over', () => {
    const { at, send } = rigsOf(3, [
      [1, 2],
      [2, 3],
    ]);
    send(1, new Uint8Array(6).fill(255));
    expect(stirred(at(1))).toEqual([slotOf(2)]);
    expect(stirred(at(2)).sort()).toEqual([slotOf(1), slotOf(3)]);
    expect(stirred(at(3))).toEqual([slotOf(2)]);
  });
});
