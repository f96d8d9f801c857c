/** Broadcasts around the ring: the real packet loops, joined by arrays. */
import { describe, expect, it } from 'vitest';
import { DeviceField, PeerField, peerStride } from '../../../src/core/dataplane/plane/shared.js';
import { Kind, underlayMtu, underlayOverhead } from '../../../src/core/wire/packet.js';
import { arpFrame, plainFrame } from '../../support/frames.js';
import { floodBatch, floodOf, inHalves } from '../../support/floods.js';
import {
  acquaint,
  endpointOf,
  fromDevice,
  ipOf,
  macOf,
  makeRig,
  sealFor,
  settle,
  slotOf,
  type Hop,
  type Rig,
} from '../../support/loop-rig.js';

const everybody = new Uint8Array(6).fill(255);
const peerField = (rig: Rig, other: number, field: number): number =>
  rig.shared.peers[slotOf(other) * peerStride + field] as number;

/** Rigs 1 ... n with sessions along these links. */
function network(n: number, links: readonly (readonly [number, number])[]): Rig[] {
  const rigs = Array.from({ length: n }, (_, i) => makeRig(i + 1));
  acquaint(rigs);
  for (const [a, b] of links) {
    rigs[a - 1]?.meet(b);
    rigs[b - 1]?.meet(a);
  }
  return rigs;
}

/** Everyone has links to its successors and to these others. */
function ring(n: number, successors: number, others: readonly (readonly [number, number])[] = []): Rig[] {
  const links: [number, number][] = [];
  for (let i = 0; i < n; i++) {
    for (let s = 1; s <= successors; s++) links.push([i + 1, ((i + s) % n) + 1]);
  }
  return network(n, [...links, ...others]);
}

function flood(rigs: readonly Rig[], from: Rig, frame = plainFrame(everybody, macOf(from.n))): Hop[] {
  from.io.deviceIn.push(fromDevice(frame));
  from.run();
  return settle(rigs);
}

/** How often each rig got a frame, and forgets it. */
const got = (rigs: readonly Rig[]): number[] => rigs.map((rig) => rig.io.deviceOut.splice(0).length);
const total = (rigs: readonly Rig[], reason: Parameters<Rig['drops']>[0]): number =>
  rigs.reduce((sum, rig) => sum + rig.drops(reason), 0);

function give(rig: Rig, from: number, ...packets: Uint8Array[]): void {
  for (const bytes of packets) rig.io.netIn.push({ bytes, from: endpointOf(from), segment: 0 });
  rig.run();
}

const inner = (frame: Uint8Array): Uint8Array => Uint8Array.of(Kind.frame, ...frame);

describe('a broadcast', () => {
  it.each([
    ['successors', ring(8, 1)],
    ['two successors', ring(8, 2)],
    [
      'long links',
      ring(8, 2, [
        [1, 5],
        [2, 6],
        [4, 8],
      ]),
    ],
    ['links to all', ring(8, 4)],
  ])('reaches all others once over a ring of %s, from everywhere', (_name, rigs) => {
    for (const origin of rigs) {
      const frame = plainFrame(everybody, macOf(origin.n), 80, origin.n);
      const hops = flood(rigs, origin, frame);
      expect(hops.length).toBe(rigs.length - 1);
      for (const rig of rigs) {
        const frames = rig.io.deviceOut.splice(0).map((d) => d.frame);
        expect(frames).toEqual(rig === origin ? [] : [frame]);
      }
    }
    expect(total(rigs, 'flood-duplicate')).toBe(0);
  });

  it('is one copy from the origin to each, where all are linked with all', () => {
    const rigs = ring(6, 3);
    const hops = flood(rigs, rigs[2] as Rig);
    expect(hops.map((hop) => [hop.from, hop.to]).sort()).toEqual([1, 2, 4, 5, 6].map((n) => [3, n]));
    expect(rigs.map((rig) => rig.shared.device[DeviceField.transitPackets])).toEqual([0, 0, 0, 0, 0, 0]);
    expect(peerField(rigs[0] as Rig, 3, PeerField.rxFrames)).toBe(1);
  });

  it('is counted by those who pass it on', () => {
    const rigs = network(3, [
      [1, 2],
      [2, 3],
    ]);
    const [a, h, b] = rigs as [Rig, Rig, Rig];
    flood(rigs, a);
    expect(got(rigs)).toEqual([0, 1, 1]);
    expect(h.shared.device[DeviceField.transitPackets]).toBe(1);
    expect([peerField(a, 2, PeerField.txTransit), peerField(a, 2, PeerField.txDirect)]).toEqual([1, 1]);
    expect([peerField(h, 1, PeerField.rxTransit), peerField(h, 1, PeerField.rxDirect)]).toEqual([1, 1]);
    expect([peerField(h, 3, PeerField.txTransit), peerField(b, 2, PeerField.rxTransit)]).toEqual([1, 1]);
    expect([a.shared.device[DeviceField.txFrames], b.shared.device[DeviceField.rxFrames]]).toEqual([1, 1]);
  });

  it('finds a member that sits before the first link of the origin', () => {
    // 2 has just joined: 3 knows it, 1 does not.
    const rigs = network(4, [
      [1, 3],
      [1, 4],
      [3, 4],
      [3, 2],
    ]);
    for (const origin of [0, 2]) {
      expect(flood(rigs, rigs[origin] as Rig).length).toBe(3);
      expect(got(rigs)).toEqual([0, 1, 2, 3].map((i) => (i === origin ? 0 : 1)));
    }
    expect(total(rigs, 'flood-duplicate')).toBe(0);
  });

  it('goes around a link that cannot be sent to', () => {
    const rigs = ring(8, 2);
    const origin = rigs[0] as Rig;
    origin.loop.command({ type: 'set-path', slot: slotOf(3), path: null });
    flood(rigs, origin);
    expect(got(rigs)).toEqual([0, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('goes to no peer that is not a link', () => {
    const rigs = network(3, [
      [1, 2],
      [1, 3],
    ]);
    const [a] = rigs as [Rig];
    a.link([{ n: 2 }, { n: 3, flood: 'none' }]);
    expect(flood(rigs, a).map((hop) => hop.to)).toEqual([2]);
    a.link([{ n: 2 }]);
    expect(flood(rigs, a).map((hop) => hop.to)).toEqual([2]);
    a.link([]);
    expect(flood(rigs, a)).toEqual([]);
    expect(a.drops('no-peer')).toBe(1);
  });

  it('fits a 1500-byte path when full', () => {
    const rigs = ring(3, 1);
    const frame = plainFrame(everybody, macOf(1), 1_350 + 18);
    const hops = flood(rigs, rigs[0] as Rig, frame);
    // In halves: a full frame and its signature are too long for one.
    expect(hops.map((hop) => hop.to)).toEqual([2, 2, 3, 3]);
    expect(Math.max(...hops.map((hop) => hop.bytes.length)) + underlayOverhead).toBeLessThanOrEqual(
      underlayMtu,
    );
    expect(rigs[1]?.io.deviceOut[0]?.frame).toEqual(frame);
  });

  it('keeps a partial checksum that only the sender can place', () => {
    const rigs = ring(3, 1);
    const frame = plainFrame(everybody, macOf(1), 200);
    rigs[0]?.io.deviceIn.push(fromDevice(frame, { flags: 1, start: 100, offset: 20 }));
    rigs[0]?.run();
    settle(rigs);
    for (const rig of rigs.slice(1)) {
      expect(rig.io.deviceOut).toEqual([
        { flags: 1, type: 0, headerLength: 0, size: 0, start: 100, offset: 20, frame },
      ]);
    }
  });
});

describe('leaves', () => {
  /** 1, 2, 3, 5 in a ring; 4 is a leaf of 3, and knows 5 besides. */
  function withLeaf(): Rig[] {
    const rigs = [1, 2, 3, 4, 5].map((n) => makeRig(n, undefined, n === 4));
    acquaint(rigs);
    const at = (n: number): Rig => rigs[n - 1] as Rig;
    for (const [a, b] of [
      [1, 2],
      [2, 3],
      [3, 5],
      [5, 1],
      [3, 4],
      [5, 4],
    ] as const) {
      at(a).meet(b);
      at(b).meet(a);
    }
    at(3).link([{ n: 2 }, { n: 5 }, { n: 4, forwards: false, flood: 'copy' }]);
    at(5).link([{ n: 3 }, { n: 1 }, { n: 4, forwards: false, flood: 'none' }]);
    at(4).link([{ n: 3 }, { n: 5 }]);
    return rigs;
  }

  it('hand their broadcasts to one link, which floods them', () => {
    const rigs = withLeaf();
    const hops = flood(rigs, rigs[3] as Rig);
    expect(hops[0]).toMatchObject({ from: 4, to: 3 });
    expect(hops.filter((hop) => hop.from === 4 || hop.to === 4).length).toBe(1);
    expect(got(rigs)).toEqual([1, 1, 1, 0, 1]);
    expect(total(rigs, 'flood-duplicate')).toBe(0);
  });

  it('hand them to the next when the first is gone', () => {
    const rigs = withLeaf();
    rigs[3]?.loop.command({ type: 'set-path', slot: slotOf(3), path: null });
    rigs[4]?.link([{ n: 3 }, { n: 1 }, { n: 4, forwards: false, flood: 'copy' }]);
    flood(rigs, rigs[3] as Rig);
    expect(got(rigs).slice(0, 3)).toEqual([1, 1, 1]);
    rigs[3]?.link([{ n: 3 }]);
    flood(rigs, rigs[3] as Rig);
    expect(rigs[3]?.drops('no-peer')).toBe(1);
  });

  it('get one copy of every broadcast, and pass nothing on', () => {
    const rigs = withLeaf();
    for (const origin of [0, 1, 2, 4]) {
      const hops = flood(rigs, rigs[origin] as Rig);
      expect(hops.length).toBe(4);
      expect(hops.some((hop) => hop.from === 4)).toBe(false);
      expect(got(rigs)).toEqual([0, 1, 2, 3, 4].map((i) => (i === origin ? 0 : 1)));
    }
  });

  it('are the only ones who may hand over, and for themselves only', () => {
    const rigs = withLeaf();
    const anchor = rigs[2] as Rig;
    const forged = (from: number, origin: number): Uint8Array =>
      sealFor(from, 3, floodOf(origin, 9, inner(plainFrame(everybody, macOf(origin))), { flags: 2 }));
    give(anchor, 2, forged(2, 2));
    give(anchor, 4, forged(4, 1));
    expect([anchor.drops('malformed-frame'), anchor.io.netOut.length]).toEqual([2, 0]);
    give(anchor, 4, forged(4, 4));
    expect(anchor.io.netOut.map((s) => s.to.host).sort()).toEqual(['192.0.2.2', '192.0.2.5']);
  });
});

describe('what others say of a broadcast', () => {
  const hostile = (): Rig => {
    const rig = makeRig(3);
    rig.know(1);
    rig.meet(2);
    rig.meet(4);
    return rig;
  };
  const say = (rig: Rig, origin: number, sequence: number, frame: Uint8Array, more = {}): void => {
    give(rig, 2, sealFor(2, 3, floodOf(origin, sequence, inner(frame), { bound: 5, ...more })));
  };

  it('is taken once', () => {
    const rig = hostile();
    for (let i = 0; i < 3; i++) say(rig, 1, 7, plainFrame(everybody, macOf(1)));
    say(rig, 1, 8, plainFrame(everybody, macOf(1)));
    say(rig, 3, 8, plainFrame(everybody, macOf(3)));
    expect([rig.io.deviceOut.length, rig.io.netOut.length, rig.drops('flood-duplicate')]).toEqual([2, 2, 3]);
  });

  it('must fit the source address', () => {
    const rig = hostile();
    rig.loop.command({
      type: 'set-neighbours',
      neighbours: [1, 2, 4].map((n) => ({ ip: ipOf(n), mac: macOf(n) })),
    });
    // A peer that is no bridge: dropped. Own address: dropped. A foreign address: dropped.
    say(rig, 4, 1, plainFrame(everybody, macOf(1)));
    say(rig, 1, 2, plainFrame(everybody, macOf(3)));
    const asNode4 = { mac: macOf(1), ip: ipOf(4) };
    say(rig, 1, 3, arpFrame(everybody, macOf(1), 1, asNode4, { mac: everybody, ip: ipOf(2) }));
    say(rig, 1, 4, plainFrame(everybody, Uint8Array.of(1, 2, 3, 4, 5, 6)));
    expect([rig.io.deviceOut.length, rig.io.netOut.length]).toEqual([0, 0]);
    expect([rig.drops('guard-mac'), rig.drops('guard-ip'), rig.drops('malformed-frame')]).toEqual([2, 1, 1]);
    const asItself = { mac: macOf(1), ip: ipOf(1) };
    say(rig, 1, 6, arpFrame(everybody, macOf(1), 1, asItself, { mac: everybody, ip: ipOf(2) }));
    expect([rig.io.deviceOut.length, rig.io.netOut.length]).toEqual([1, 1]);
  });

  it('never spreads further than its arc', () => {
    const rig = hostile();
    const frame = plainFrame(everybody, macOf(1));
    // An arc that ends before our next link, at it, and at ourselves: nobody is inside.
    say(rig, 1, 1, frame, { bound: 3 });
    say(rig, 1, 2, frame, { bound: 4 });
    expect([rig.io.deviceOut.length, rig.io.netOut.length]).toEqual([2, 0]);
    say(rig, 1, 3, frame, { ttl: 0 });
    expect([rig.drops('hops-exceeded'), rig.io.deviceOut.length]).toEqual([1, 2]);
    // The whole ring from 3 on: not back to where it came from.
    say(rig, 1, 4, frame, { bound: 2, ttl: 1, flags: 1 });
    expect(rig.io.netOut.map((s) => s.to)).toEqual([endpointOf(4)]);
  });

  it('tells where a bridged address is, whoever passed it on', () => {
    const rig = makeRig(3);
    rig.meet(2);
    rig.meet(4, { bridge: true });
    rig.meet(5, { bridge: true });
    const machine = Uint8Array.of(2, 9, 9, 9, 9, 9);
    const where = (): string[] => {
      rig.io.netOut.length = 0;
      rig.io.deviceIn.push(fromDevice(plainFrame(machine, macOf(3))));
      rig.run();
      return rig.io.netOut.map((s) => s.to.host);
    };
    expect(where().length).toBe(3);
    say(rig, 4, 1, plainFrame(everybody, machine));
    expect(where()).toEqual(['192.0.2.4']);
    say(rig, 5, 1, plainFrame(everybody, machine));
    expect(where()).toEqual(['192.0.2.5']);
    // A member's own address stays where it is.
    say(rig, 4, 3, plainFrame(everybody, macOf(5)));
    rig.io.deviceIn.push(fromDevice(plainFrame(macOf(5), macOf(3))));
    rig.run();
    expect(rig.io.netOut.at(-1)?.to).toEqual(endpointOf(5));
  });

  it('is limited by origin, so that a storm leaves room for others', () => {
    const rig = hostile();
    const storm = plainFrame(everybody, macOf(1));
    for (let i = 0; i < 9_000; i += 30) {
      const says = Array.from({ length: 30 }, (_, k) => ({
        origin: 1,
        sequence: i + k,
        inner: inner(storm),
      }));
      give(rig, 2, ...floodBatch(says, { bound: 5 }).map((flood) => sealFor(2, 3, flood)));
    }
    expect(rig.drops('flood-limited')).toBe(1_000);
    rig.io.deviceOut.length = 0;
    say(rig, 4, 1, plainFrame(everybody, macOf(4)));
    expect(rig.io.deviceOut.length).toBe(1);
    rig.time.now += 1;
    say(rig, 1, 10_000, plainFrame(everybody, macOf(1)));
    expect(rig.io.deviceOut.length).toBe(2);
  });

  it('is limited by link, whatever it brings', () => {
    const rig = hostile();
    const again = floodOf(1, 1, inner(plainFrame(everybody, macOf(1))), { bound: 5 });
    const half = inHalves(again, 1)[0];
    for (let i = 0; i < 33_000; i++) give(rig, 2, sealFor(2, 3, i % 2 === 0 ? again : half));
    expect(rig.drops('flood-limited')).toBe(1_000);
    rig.io.deviceOut.length = 0;
    give(rig, 4, sealFor(4, 3, floodOf(1, 2, inner(plainFrame(everybody, macOf(1))))));
    expect(rig.io.deviceOut.length).toBe(1);
  });
});

describe('frames for addresses that nobody here has', () => {
  const asked = (rig: Rig): Uint8Array[] =>
    rig.events.splice(0).flatMap((e) => (e.type === 'unknown' ? [e.mac] : []));
  const send = (rig: Rig, n: number, to = macOf(9)): void => {
    for (let i = 0; i < n; i++) rig.io.deviceIn.push(fromDevice(plainFrame(to, macOf(1), 60, i)));
    rig.run();
  };
  function sparse(): Rig {
    const rig = makeRig(1);
    rig.meet(2);
    rig.meet(3);
    rig.link([{ n: 2 }, { n: 3 }], false);
    return rig;
  }

  it('wait for the owner and go to it', () => {
    const rig = sparse();
    const owner = makeRig(9);
    owner.meet(1);
    send(rig, 10);
    expect(asked(rig)).toEqual([macOf(9)]);
    expect([rig.io.netOut.length, rig.drops('no-peer')]).toEqual([0, 2]);
    rig.time.now += 600;
    rig.loop.commandsBegin();
    rig.meet(9, { link: false });
    rig.loop.commandsDone();
    expect(rig.events.map((e) => e.type)).toEqual(['wanted']);
    settle([rig, owner]);
    expect(owner.io.deviceOut.map((d) => d.frame[20])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    rig.time.now += 1_000;
    rig.run();
    expect(rig.io.netOut).toEqual([]);
  });

  it('are flooded after a second, and from then on at once', () => {
    const rig = sparse();
    expect(rig.loop.restMs).toBe(Infinity);
    send(rig, 2);
    rig.time.now += 400;
    expect(rig.loop.restMs).toBe(600);
    send(rig, 1);
    rig.time.now += 600;
    expect(rig.loop.restMs).toBe(0);
    rig.run();
    // Three frames for two links.
    expect([rig.loop.restMs, rig.io.netOut.splice(0).length]).toEqual([Infinity, 6]);
    send(rig, 1);
    expect(rig.io.netOut.length).toBe(2);
    expect(asked(rig)).toEqual([macOf(9), macOf(9)]);
    send(rig, 1);
    expect(asked(rig)).toEqual([]);
  });

  it('are flooded at once when all members are known, also those that wait', () => {
    const rig = sparse();
    send(rig, 1);
    rig.loop.commandsBegin();
    rig.link([{ n: 2 }, { n: 3 }], true);
    rig.loop.commandsDone();
    expect(rig.io.netOut.splice(0).length).toBe(2);
    send(rig, 1, macOf(10));
    expect([rig.io.netOut.length, asked(rig)]).toEqual([2, [macOf(9)]]);
  });

  it('wait for few addresses only', () => {
    const rig = sparse();
    for (let i = 20; i < 60; i++) send(rig, 1, macOf(i));
    expect(asked(rig).length).toBe(16);
    expect(rig.io.netOut.length).toBe(24 * 2);
  });
});
