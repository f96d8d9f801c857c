/** Multicast between real packet loops: who gets a copy, and who does not. */
import { describe, expect, it } from 'vitest';
import { encodeAnnounce } from '../../../src/core/wire/groups.js';
import { floodHeaderLength } from '../../../src/core/wire/flood.js';
import { Kind } from '../../../src/core/wire/packet.js';
import { linkLocalOf, plainFrame } from '../../support/frames.js';
import { floodOf } from '../../support/floods.js';
import {
  acquaint,
  endpointOf,
  fromDevice,
  macOf,
  makeRig,
  openAs,
  sealFor,
  settle,
  type Hop,
  type Rig,
} from '../../support/loop-rig.js';
import { igmp, igmpV3, ip4, keyOf, mldV2, toGroup } from '../../support/membership-frames.js';

const camera = '239.1.2.3';

interface Net {
  readonly rigs: readonly Rig[];
  at(n: number): Rig;
  /** The host of `n` sends a frame; returns the members whose hosts got it, and how it went. */
  send(n: number, frame: Uint8Array): { got: number[]; hops: Hop[] };
  /** Time passes for all. */
  run(ms: number): Hop[];
}

/** The frame with the source addresses of its member, whom the guard would not let use others. */
function from(n: number, frame: Uint8Array): Uint8Array {
  const out = frame.slice();
  out.set(macOf(n), 6);
  if (out[12] === 8) out.set([10, 144, 0, n], 26);
  if (out[12] === 0x86) out.set(linkLocalOf(macOf(n)), 22);
  return out;
}

function makeNet(rigs: readonly Rig[]): Net {
  const at = (n: number): Rig => rigs.find((rig) => rig.n === n) as Rig;
  return {
    rigs,
    at,
    send(n, frame) {
      for (const rig of rigs) rig.io.deviceOut.length = 0;
      at(n).io.deviceIn.push(fromDevice(from(n, frame)));
      at(n).run();
      const hops = settle(rigs);
      const got = rigs.filter((rig) => rig.io.deviceOut.some((d) => d.frame.length === frame.length));
      return { got: got.map((rig) => rig.n), hops };
    },
    run(ms) {
      const hops: Hop[] = [];
      for (let passed = 0; passed < ms; passed += 250) {
        for (const rig of rigs) rig.time.now += 250;
        for (const rig of rigs) rig.run();
        hops.push(...settle(rigs));
      }
      return hops;
    },
  };
}

/** 1 to `n` on the ring, each linked with the next and the one before; `bridge` names members with that right. */
function ringOf(n: number, bridge: readonly number[] = []): Net {
  const numbers = Array.from({ length: n }, (_, i) => i + 1);
  const rigs = numbers.map((i) =>
    makeRig(i, undefined, false, { snooping: true, bridge: bridge.includes(i) }),
  );
  acquaint(rigs, bridge);
  rigs.forEach((rig, i) => {
    const next = (i + 1) % n;
    rig.meet(next + 1, { bridge: bridge.includes(next + 1) });
    rigs[next]?.meet(i + 1, { bridge: bridge.includes(i + 1) });
  });
  return makeNet(rigs);
}

const settled = (net: Net): Net => {
  net.run(16_000);
  return net;
};

describe('multicast around a ring', () => {
  it('goes to everybody for ten seconds, then to nobody who does not want it', () => {
    const net = ringOf(6);
    net.run(9_000);
    expect(net.send(1, toGroup(camera)).got).toEqual([2, 3, 4, 5, 6]);
    net.run(2_000);
    expect(net.send(1, toGroup(camera))).toEqual({ got: [], hops: [] });
    expect(net.at(1).drops('no-listener')).toBe(1);
    // What belongs to the link by its scope, and what is no multicast, still goes to all.
    for (const frame of [
      toGroup('224.0.0.251'),
      toGroup('ff02::fb'),
      plainFrame(new Uint8Array(6).fill(255), macOf(1)),
    ]) {
      const { got, hops } = net.send(1, frame);
      expect([got, hops.length]).toEqual([[2, 3, 4, 5, 6], 5]);
    }
    expect(net.at(1).drops('no-listener')).toBe(1);
  });

  it('goes the way to who wants it, and no further', () => {
    const net = settled(ringOf(6));
    net.send(3, igmpV3({ type: 4, group: camera }));
    net.run(2_000);
    const { got, hops } = net.send(1, toGroup(camera));
    expect(got).toEqual([3]);
    expect(hops.map((hop) => [hop.from, hop.to])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    net.send(5, igmp(0x16, camera));
    net.run(2_000);
    expect(net.send(1, toGroup(camera)).got).toEqual([3, 5]);
    expect(net.send(3, toGroup(camera)).got).toEqual([5]);
    net.send(3, igmp(0x17, camera, '224.0.0.2'));
    net.send(5, igmpV3({ type: 3, group: camera }));
    net.run(2_000);
    expect(net.send(1, toGroup(camera)).hops).toEqual([]);
  });

  it('works for IPv6 as well', () => {
    const net = settled(ringOf(5));
    net.send(4, mldV2({ type: 4, group: 'ff05::77' }));
    net.run(2_000);
    const { got, hops } = net.send(1, toGroup('ff05::77'));
    expect([got, hops.length]).toEqual([[4], 3]);
    expect(net.send(1, toGroup('ff05::78')).got).toEqual([]);
  });

  it('keeps membership reports from the others, but not from bridged networks', () => {
    const net = settled(ringOf(5));
    expect(net.send(2, igmpV3({ type: 4, group: camera })).got).toEqual([]);
    expect(net.at(2).drops('no-listener')).toBe(0);
    const bridged = settled(ringOf(5, [4]));
    expect(bridged.send(2, igmpV3({ type: 4, group: camera })).got).toEqual([4]);
    expect(bridged.send(2, toGroup('239.7.7.7')).got).toEqual([4]);
  });

  it('asks its own host what it wants, and nobody else', () => {
    const net = ringOf(3, [2]);
    for (const rig of net.rigs) rig.run();
    const asked = (n: number): number => net.at(n).io.deviceOut.length;
    expect([asked(1), asked(2), asked(3)]).toEqual([2, 0, 2]);
    expect(net.at(1).io.deviceOut.map((d) => [d.frame.length, d.flags, d.type])).toEqual([
      [50, 0, 0],
      [90, 0, 0],
    ]);
    expect(net.at(1).loop.restMs).toBeLessThanOrEqual(3_000);
  });

  it('costs nothing while nobody wants a group', () => {
    const net = settled(ringOf(6));
    expect(net.run(300_000)).toEqual([]);
  });

  it('a member that comes later knows from a link what it missed', () => {
    const net = settled(ringOf(5));
    net.send(3, igmp(0x16, camera));
    net.run(6_000);
    const late = makeRig(6, undefined, false, { snooping: true });
    late.time.now = net.at(1).time.now;
    acquaint([...net.rigs, late]);
    late.meet(5);
    late.meet(1);
    net.at(5).meet(6);
    net.at(1).meet(6);
    const grown = makeNet([...net.rigs, late]);
    grown.run(11_000);
    const { got, hops } = grown.send(6, toGroup(camera));
    expect(got).toEqual([3]);
    expect(hops.map((hop) => [hop.from, hop.to])).toEqual([
      [6, 1],
      [1, 2],
      [2, 3],
    ]);
  });

  it('reaches a leaf through its anchor, only with what it wants', () => {
    const rigs = [1, 2, 3].map((n) => makeRig(n, undefined, false, { snooping: true }));
    const leaf = makeRig(9, undefined, true, { snooping: true });
    const [a, b, c] = rigs as [Rig, Rig, Rig];
    acquaint([...rigs, leaf]);
    a.meet(2);
    b.meet(1);
    b.meet(3);
    c.meet(2);
    c.meet(9);
    c.link([{ n: 2 }, { n: 9, forwards: false, flood: 'copy' }]);
    leaf.meet(3);
    const net = settled(makeNet([...rigs, leaf]));
    expect(net.send(1, toGroup(camera)).hops).toEqual([]);
    net.send(9, igmp(0x16, camera));
    net.run(2_000);
    const { got, hops } = net.send(1, toGroup(camera));
    expect(got).toEqual([9]);
    expect(hops.map((hop) => [hop.from, hop.to])).toEqual([
      [1, 2],
      [2, 3],
      [3, 9],
    ]);
    expect(net.send(1, toGroup('239.7.7.7')).hops).toEqual([]);
    // What the leaf itself sends.
    net.send(1, igmp(0x16, '239.5.5.5'));
    net.run(2_000);
    expect(net.send(9, toGroup('239.5.5.5')).got).toEqual([1]);
  });
});

describe('announcements', () => {
  const wanted = { all: false, keys: Int32Array.of(keyOf(ip4(camera))) };

  it('go around as floods with the groups in them', () => {
    const net = settled(ringOf(4));
    net.at(2).io.deviceIn.push(fromDevice(from(2, igmp(0x16, camera))));
    net.at(2).run();
    const first = net.at(2).io.netOut.map((sent) => sent.bytes)[0] as Uint8Array;
    const plain = openAs(2, 3, first);
    expect([...plain.subarray(floodHeaderLength(0) + 1)]).toEqual([...encodeAnnounce(wanted)]);
    const hops = settle(net.rigs);
    expect(hops.map((hop) => hop.to).sort()).toEqual([1, 3, 4]);
    expect(net.rigs.flatMap((rig) => rig.io.deviceOut.filter((d) => d.frame.length < 42))).toEqual([]);
  });

  it('are dropped when malformed, and not passed on', () => {
    const net = settled(ringOf(4));
    const rig = net.at(2);
    const give = (plain: Uint8Array): void => {
      rig.io.netIn.push({ bytes: sealFor(1, 2, plain), from: endpointOf(1), segment: 0 });
      rig.run();
    };
    give(floodOf(1, 77, Uint8Array.of(Kind.groups, 1, 0, 0, 9), { bound: 1 }));
    give(floodOf(1, 78, Uint8Array.of(Kind.groups, 2), { bound: 1 }));
    give(Uint8Array.of(Kind.groups, 7));
    give(floodOf(1, 79, encodeAnnounce(wanted), { bound: 1, flags: 2 }));
    expect([rig.drops('malformed-frame'), rig.io.netOut.length]).toEqual([4, 0]);
    give(floodOf(1, 80, encodeAnnounce(wanted), { bound: 1 }));
    expect(rig.io.netOut.length).toBe(1);
    give(floodOf(1, 80, encodeAnnounce(wanted), { bound: 1 }));
    expect([rig.drops('flood-duplicate'), rig.io.netOut.length]).toEqual([1, 1]);
  });

  it('of somebody who says nothing any more are forgotten', () => {
    const net = settled(ringOf(4));
    net.send(3, igmp(0x16, camera));
    net.run(2_000);
    expect(net.send(1, toGroup(camera)).got).toEqual([3]);
    const rest = makeNet(net.rigs.filter((rig) => rig.n !== 3));
    rest.run(250_000);
    expect(rest.send(1, toGroup(camera)).hops.length).toBeGreaterThan(0);
    rest.run(80_000);
    expect(rest.send(1, toGroup(camera)).hops).toEqual([]);
  });
});
