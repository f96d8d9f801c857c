/** What is told to the worker that follows a crash: it goes on where the last one was. */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/core/dataplane/plane/messages.js';
import { Mirror } from '../../../src/core/dataplane/plane/mirror.js';
import { plainFrame } from '../../support/frames.js';
import {
  fromDevice,
  idOf,
  macOf,
  publicKeyOf,
  makeRig,
  settle,
  slotOf,
  type Rig,
} from '../../support/loop-rig.js';
import { prefix } from '../../support/subnets.js';

/** A rig whose commands the mirror notes, as the control thread does. */
function mirrored(n: number, mirror: Mirror): Rig {
  const rig = makeRig(n);
  const command = rig.loop.command.bind(rig.loop);
  rig.loop.command = (c: Command): void => {
    mirror.note(structuredClone(c));
    command(structuredClone(c));
  };
  return rig;
}

describe('Mirror', () => {
  it('brings holes back before the paths that go by them, and forgets those that went', () => {
    const mirror = new Mirror();
    const a = mirrored(1, mirror);
    a.meet(2);
    const endpoint = { host: '203.0.113.2', port: 99 };
    for (const hole of [0, 1]) {
      const route = { fd: 70 + hole, carrier: hole, destination: idOf(2), endpoint };
      a.loop.command({ type: 'set-hole', hole, route });
    }
    const path = { kind: 'carrier', carrier: 1, destination: idOf(2) } as const;
    a.loop.command({ type: 'set-path', slot: slotOf(2), path });
    a.loop.command({ type: 'set-hole', hole: 0, route: null });
    const fresh = makeRig(1, a.shared);
    for (const command of mirror.replay()) fresh.loop.command(structuredClone(command));
    fresh.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    fresh.run();
    expect(fresh.io.netOut.map(({ to, socket }) => [to, socket])).toEqual([[endpoint, 71]]);
    expect([...fresh.io.listening.values()]).toEqual([71]);
  });

  it('brings links and paths through members back, so that a member goes on forwarding', () => {
    const mirrors = { a: new Mirror(), h: new Mirror() };
    const a = mirrored(1, mirrors.a);
    const h = mirrored(2, mirrors.h);
    const b = makeRig(3);
    a.meet(2);
    h.meet(1);
    h.meet(3);
    b.meet(2);
    for (const [rig, other] of [
      [a, 3],
      [b, 1],
    ] as const) {
      rig.meet(other, { path: false, link: false });
      const path = { kind: 'overlay', destination: idOf(other) } as const;
      rig.loop.command({ type: 'set-path', slot: slotOf(other), path });
    }
    const exchange = (rigs: readonly [Rig, Rig, Rig]): void => {
      const everybody = new Uint8Array(6).fill(255);
      for (const to of [macOf(3), everybody]) rigs[0].io.deviceIn.push(fromDevice(plainFrame(to, macOf(1))));
      rigs[0].run();
      settle(rigs);
      expect(rigs.map((rig) => rig.io.deviceOut.splice(0).length)).toEqual([0, 1, 2]);
    };
    exchange([a, h, b]);
    const again = (rig: Rig, mirror: Mirror): Rig => {
      const fresh = makeRig(rig.n, rig.shared);
      for (const command of mirror.replay()) fresh.loop.command(structuredClone(command));
      return fresh;
    };
    exchange([a, again(h, mirrors.h), b]);
    exchange([again(a, mirrors.a), again(h, mirrors.h), b]);
  });

  it('keeps no link of a peer that went, also when its slot was given away', () => {
    const mirror = new Mirror();
    const rig = mirrored(1, mirror);
    for (const n of [2, 3, 4]) rig.meet(n);
    const links = (): number[] =>
      mirror.replay().flatMap((c) => (c.type === 'set-links' ? c.links.map((link) => link.slot) : []));
    expect(links()).toEqual([2, 3, 4].map(slotOf));
    rig.loop.command({ type: 'remove-peer', slot: slotOf(3) });
    expect(links()).toEqual([2, 4].map(slotOf));
    rig.loop.command({
      type: 'add-peer',
      slot: slotOf(4),
      nodeId: idOf(9),
      publicKey: publicKeyOf(9),
      guard: { mac: macOf(9), ip: 9, bridge: false },
    });
    expect(links()).toEqual([slotOf(2)]);
    const order = mirror.replay().map((c) => c.type);
    expect(order.lastIndexOf('add-peer')).toBeLessThan(order.indexOf('set-links'));
  });

  it('brings back which subnets lie behind whom', () => {
    const mirror = new Mirror();
    const subnets = [{ ...prefix('10.77.1.0/24'), mac: macOf(1) }];
    mirror.note({ type: 'set-subnets', subnets: [] });
    mirror.note({ type: 'set-subnets', subnets });
    expect(mirror.replay().filter((c) => c.type === 'set-subnets')).toEqual([
      { type: 'set-subnets', subnets },
    ]);
  });

  it('says nothing of links that were never set', () => {
    expect(new Mirror().replay().map((c) => c.type)).toEqual(['set-neighbours', 'set-subnets']);
  });

  it('tells whoever watches keys those there are and those that come, and nobody else', () => {
    const mirror = new Mirror();
    const [id, publicKey] = [idOf(2), publicKeyOf(2)];
    const guard = { mac: macOf(2), ip: 2, bridge: false };
    const add = (localIndex: number): void => {
      const [sendKey, receiveKey] = [
        new Uint8Array(32).fill(localIndex),
        new Uint8Array(32).fill(100 + localIndex),
      ];
      const keys = { localIndex, remoteIndex: 50 + localIndex, suite: 1, sendKey, receiveKey } as const;
      mirror.note({ type: 'add-key', slot: 7, keys, replayed: false });
    };
    mirror.note({ type: 'add-peer', slot: 7, nodeId: id, publicKey, guard });
    add(1);
    add(2);
    mirror.note({ type: 'remove-key', localIndex: 1 });
    const told: (readonly [Uint8Array, number, number, number | undefined, number | undefined])[] = [];
    const unwatch = mirror.watch((whose, { localIndex, remoteIndex, sendKey, receiveKey }) => {
      told.push([whose, localIndex, remoteIndex, sendKey[0], receiveKey[0]]);
    });
    expect(told).toEqual([[id, 2, 52, 2, 102]]);
    add(3);
    expect(told.slice(1)).toEqual([[id, 3, 53, 3, 103]]);
    unwatch();
    add(4);
    expect(told).toHaveLength(2);
    // A plane that stops has no watchers left.
    let after = 0;
    mirror.watch(() => after++);
    const before = after;
    mirror.clear();
    mirror.note({ type: 'add-peer', slot: 7, nodeId: id, publicKey, guard });
    add(5);
    expect([before, after]).toEqual([3, 3]);
  });
});
