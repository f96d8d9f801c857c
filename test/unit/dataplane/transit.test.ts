/** Packets between members that go through others: the real packet loops, joined by arrays. */
import { describe, expect, it } from 'vitest';
import { Links } from '../../../src/core/dataplane/loop/links.js';
import { DeviceField, PeerField, peerStride } from '../../../src/core/dataplane/plane/shared.js';
import type { Tables } from '../../../src/core/dataplane/loop/table.js';
import { Arena } from '../../../src/core/native/arena.js';
import { Kind, underlayMtu, underlayOverhead } from '../../../src/core/wire/packet.js';
import { buildTcp, plainFrame } from '../../support/frames.js';
import {
  endpointOf,
  envelope,
  fromDevice,
  idOf,
  indexOf,
  macOf,
  makeRig,
  openAs,
  sealFor,
  settle,
  slotOf,
  type Rig,
} from '../../support/loop-rig.js';

const peerField = (rig: Rig, other: number, field: number): number =>
  rig.shared.peers[slotOf(other) * peerStride + field] as number;
const types = (rig: Rig): string[] => rig.events.splice(0).map((e) => e.type);

const contains = (memory: Uint8Array, part: Uint8Array): boolean =>
  Buffer.from(memory).includes(Buffer.from(part));

/** `rig` reaches `other` through members. */
function behind(rig: Rig, other: number, via?: number): void {
  rig.meet(other, { path: false, link: false });
  rig.loop.command({
    type: 'set-path',
    slot: slotOf(other),
    path: {
      kind: 'overlay',
      destination: idOf(other),
      ...(via === undefined ? {} : { via: slotOf(via) }),
    },
  });
}

/** 1 - 2 - 3: the ends have a session of their own, and no link. */
function chain(): [Rig, Rig, Rig] {
  const a = makeRig(1);
  const h = makeRig(2);
  const b = makeRig(3);
  a.meet(2);
  h.meet(1);
  h.meet(3);
  b.meet(2);
  behind(a, 3);
  behind(b, 1);
  return [a, h, b];
}

function send(rig: Rig, ...frames: Uint8Array[]): void {
  for (const frame of frames) rig.io.deviceIn.push(fromDevice(frame));
  rig.run();
}

function give(rig: Rig, from: number, ...packets: Uint8Array[]): void {
  for (const bytes of packets) rig.io.netIn.push({ bytes, from: endpointOf(from), segment: 0 });
  rig.run();
}

describe('unicast through a member', () => {
  it('arrives, both ways, and is counted where it went', () => {
    const [a, h, b] = chain();
    const frames = [60, 900, 61].map((n, i) => plainFrame(macOf(3), macOf(1), n, i));
    send(a, ...frames);
    const hops = settle([a, h, b]);
    expect(b.io.deviceOut.map((d) => d.frame)).toEqual(frames);
    expect(hops.map((hop) => [hop.from, hop.to])).toEqual([1, 1, 1, 2, 2, 2].map((n) => [n, n + 1]));
    send(b, plainFrame(macOf(1), macOf(3)));
    settle([a, h, b]);
    expect(a.io.deviceOut.length).toBe(1);
    expect(h.io.deviceOut).toEqual([]);
    expect([peerField(a, 3, PeerField.txRelayed), peerField(b, 1, PeerField.rxRelayed)]).toEqual([3, 3]);
    expect([peerField(a, 3, PeerField.txDirect), peerField(b, 1, PeerField.rxDirect)]).toEqual([0, 0]);
    expect([peerField(b, 1, PeerField.lastRxMs), peerField(b, 1, PeerField.lastRxDirectMs)]).toEqual([
      b.time.now,
      0,
    ]);
    // The link carried them, and must be seen to work.
    expect([peerField(a, 2, PeerField.txTransit), peerField(a, 2, PeerField.txDirect)]).toEqual([3, 3]);
    expect([peerField(h, 1, PeerField.rxTransit), peerField(h, 1, PeerField.rxDirect)]).toEqual([3, 3]);
    expect([peerField(h, 3, PeerField.txTransit), peerField(h, 3, PeerField.rxTransit)]).toEqual([3, 1]);
    expect(peerField(b, 2, PeerField.rxTransit)).toBe(3);
    expect(h.shared.device[DeviceField.transitPackets]).toBe(4);
    expect(h.shared.device[DeviceField.transitBytes]).toBeGreaterThan(900 + 3 * 60);
    expect(types(b).filter((type) => type !== 'confirmed')).toEqual([]);
  });

  it('is ciphertext to the member that passes it on', () => {
    const [a, h, b] = chain();
    const secret = Uint8Array.from({ length: 64 }, (_, i) => (i * 37 + 11) & 255);
    const frame = plainFrame(macOf(3), macOf(1), 300);
    frame.set(secret, 100);
    send(a, frame);
    const [first, second] = settle([a, h, b]);
    expect(b.io.deviceOut.map((d) => d.frame)).toEqual([frame]);
    if (!first || !second) throw new Error('nothing was passed on');
    // What the member could read, it read: an envelope around a packet that only the other end can open.
    const seen = openAs(1, 2, first.bytes);
    expect([...seen.subarray(0, 19)]).toEqual([Kind.transit, 32, 0, ...idOf(3)]);
    expect(contains(seen, secret)).toBe(false);
    expect([...openAs(1, 3, seen.subarray(19))]).toEqual([Kind.frame, ...frame]);
    const onward = openAs(2, 3, second.bytes);
    expect(onward[1]).toBe(31);
    expect(onward.subarray(19)).toEqual(seen.subarray(19));
    // And all that its loop ever had in memory, buffers and device included, is without it.
    expect(contains(h.arena.u8, secret)).toBe(false);
    expect(contains(a.arena.u8, secret)).toBe(true);
    expect(contains(b.arena.u8, secret)).toBe(true);
    expect(h.io.deviceOut).toEqual([]);
  });

  it('carries a super-frame in pieces that grow together again', () => {
    const [a, h, b] = chain();
    const built = buildTcp(
      {
        destination: macOf(3),
        source: macOf(1),
        vlans: [5],
        v6: false,
        sourceAddress: Uint8Array.of(10, 144, 0, 1),
        destinationAddress: Uint8Array.of(10, 144, 0, 3),
        tos: 0,
        hopLimit: 64,
        id: 1,
        dontFragment: true,
        sourcePort: 1,
        destinationPort: 2,
        sequence: 1,
        acknowledgement: 1,
        flags: 0x18,
        window: 100,
        options: new Uint8Array(12),
        payload: Uint8Array.from({ length: 39_000 }, (_, i) => i >> 3),
      },
      'partial',
    );
    // Full segments: with the tag, the headers and this much payload the frame is what an MTU of 1350 allows.
    const size = 1_350 - 20 - 32;
    a.io.deviceIn.push(fromDevice(built.bytes, { flags: 1, type: 1, size, start: built.tcp, offset: 16 }));
    a.run();
    const hops = settle([a, h, b]);
    expect(hops.length).toBe(2 * Math.ceil(39_000 / size));
    expect(Math.max(...hops.map((hop) => hop.bytes.length)) + underlayOverhead).toBe(underlayMtu);
    expect(b.io.deviceOut.map((d) => [d.frame.length, d.size])).toEqual([[built.bytes.length, size]]);
    expect(b.io.deviceOut[0]?.frame.subarray(built.headerLength)).toEqual(
      built.bytes.subarray(built.headerLength),
    );
  });

  it('goes over several members, each nearer than the last', () => {
    const rigs = [1, 2, 3, 4, 5, 6].map((n) => makeRig(n));
    const at = (n: number): Rig => rigs[n - 1] as Rig;
    for (let n = 1; n < 6; n++) {
      at(n).meet(n + 1);
      at(n + 1).meet(n);
    }
    behind(at(1), 6);
    behind(at(6), 1);
    const frame = plainFrame(macOf(6), macOf(1));
    send(at(1), frame);
    expect(settle(rigs).map((hop) => hop.to)).toEqual([2, 3, 4, 5, 6]);
    expect(at(6).io.deviceOut.map((d) => d.frame)).toEqual([frame]);
    // A link from 2 to 5 that 1 has heard of is taken, and a peer that is a link gets it even if others are as near.
    at(2).meet(5);
    at(5).meet(2);
    send(at(1), frame);
    expect(settle(rigs).map((hop) => hop.to)).toEqual([2, 5, 6]);
  });
});

describe('control messages and packets through members', () => {
  it('come with the link they came by', () => {
    const [a, h, b] = chain();
    const path = { kind: 'overlay', destination: idOf(3), via: slotOf(2) } as const;
    a.loop.command({ type: 'send-control', slot: slotOf(3), bytes: Uint8Array.of(7, 7), path });
    a.loop.command({ type: 'send-control', slot: slotOf(3), bytes: Uint8Array.of(8), path: undefined });
    for (const type of [0x51, 0x52, 0x53]) {
      a.loop.command({ type: 'send-packet', bytes: Uint8Array.of(type, 9), path });
    }
    // Nothing else is between members.
    a.loop.command({ type: 'send-packet', bytes: Uint8Array.of(0x5b, 1), path });
    a.loop.command({ type: 'send-packet', bytes: new Uint8Array(20), path });
    a.loop.commandsDone();
    settle([a, h, b]);
    const origin = { kind: 'overlay', via: slotOf(2) };
    expect(b.events.filter((e) => e.type === 'control' || e.type === 'packet')).toEqual([
      { type: 'control', slot: slotOf(1), bytes: Uint8Array.of(7, 7), origin },
      { type: 'control', slot: slotOf(1), bytes: Uint8Array.of(8), origin },
      { type: 'packet', bytes: Uint8Array.of(0x51, 9), origin },
      { type: 'packet', bytes: Uint8Array.of(0x52, 9), origin },
      { type: 'packet', bytes: Uint8Array.of(0x53, 9), origin },
    ]);
    expect(b.drops('unknown-type')).toBe(2);
    expect(h.events.filter((e) => e.type === 'packet')).toEqual([]);
  });

  it('say so when there is no way', () => {
    const a = makeRig(1);
    a.meet(3, { path: false, link: false });
    const path = { kind: 'overlay', destination: idOf(3) } as const;
    a.loop.command({ type: 'send-control', slot: slotOf(3), bytes: Uint8Array.of(1), path });
    a.loop.command({ type: 'send-packet', bytes: Uint8Array.of(0x51), path: { ...path, via: slotOf(2) } });
    expect(a.drops('no-path')).toBe(2);
    // There are links, but none is nearer to the destination.
    a.meet(200);
    a.loop.command({ type: 'send-control', slot: slotOf(3), bytes: Uint8Array.of(1), path });
    a.loop.command({ type: 'send-packet', bytes: Uint8Array.of(0x51), path });
    a.loop.commandsDone();
    expect([a.drops('no-route'), a.io.netOut.length]).toEqual([2, 0]);
  });
});

describe('frames without a way through members', () => {
  it('wait, and go when links come', () => {
    const [a, h, b] = chain();
    a.link([]);
    send(a, plainFrame(macOf(3), macOf(1)));
    expect([types(a), a.io.netOut.length]).toEqual([['wanted'], 0]);
    a.link([{ n: 2 }]);
    settle([a, h, b]);
    expect(b.io.deviceOut.length).toBe(1);
  });

  it('wait for the one link that they must go by', () => {
    const [a, h, b] = chain();
    a.link([]);
    a.loop.command({ type: 'remove-peer', slot: slotOf(2) });
    behind(a, 3, 2);
    send(a, plainFrame(macOf(3), macOf(1)));
    expect(types(a)).toEqual(['wanted']);
    a.meet(2, { link: false });
    settle([a, h, b]);
    expect(b.io.deviceOut.length).toBe(1);
  });

  it('never go by a peer that is itself behind members', () => {
    const a = makeRig(1);
    behind(a, 2);
    behind(a, 3);
    a.link([{ n: 2, reaches: [3] }]);
    send(a, plainFrame(macOf(3), macOf(1)));
    expect([types(a), a.io.netOut.length]).toEqual([['wanted'], 0]);
  });

  it('go around a link that lost its key or its path', () => {
    const a = makeRig(1);
    a.meet(2);
    a.meet(4);
    behind(a, 5);
    const where = (): string[] => {
      send(a, plainFrame(macOf(5), macOf(1)));
      return a.io.netOut.splice(0).map((s) => s.to.host);
    };
    expect(where()).toEqual(['192.0.2.4']);
    a.loop.command({ type: 'set-path', slot: slotOf(4), path: null });
    expect(where()).toEqual(['192.0.2.2']);
    a.loop.command({ type: 'set-path', slot: slotOf(4), path: { kind: 'direct', endpoint: endpointOf(4) } });
    expect(where()).toEqual(['192.0.2.4']);
    a.loop.command({ type: 'remove-key', localIndex: indexOf(1, 4) });
    expect(where()).toEqual(['192.0.2.2']);
    a.loop.command({ type: 'remove-peer', slot: slotOf(4) });
    a.meet(4, { link: false });
    a.loop.command({ type: 'remove-peer', slot: slotOf(2) });
    expect(where()).toEqual([]);
  });
});

describe('passing on', () => {
  const inner = Uint8Array.of(0x51, 1, 2, 3);

  it('counts hops down and stops at none', () => {
    const [, h, b] = chain();
    give(h, 1, sealFor(1, 2, envelope(3, inner, 0)));
    expect([h.drops('hops-exceeded'), h.io.netOut.length]).toEqual([1, 0]);
    give(h, 1, sealFor(1, 2, envelope(3, inner, 1)));
    settle([h, b]);
    expect([b.drops('hops-exceeded'), b.events.length]).toEqual([1, 0]);
    give(h, 1, sealFor(1, 2, envelope(3, inner, 2)));
    settle([h, b]);
    expect(types(b)).toEqual(['packet']);
  });

  it('does not send back, nor to nobody, nor as a leaf', () => {
    const [, h] = chain();
    give(h, 3, sealFor(3, 2, envelope(3, inner)), sealFor(3, 2, envelope(100, inner)));
    expect([h.drops('no-route'), h.io.netOut.length]).toEqual([2, 0]);
    const leaf = makeRig(2, undefined, true);
    leaf.meet(1);
    leaf.meet(3);
    give(leaf, 1, sealFor(1, 2, envelope(3, inner)), sealFor(1, 2, envelope(2, inner)));
    expect([leaf.drops('no-route'), leaf.io.netOut.length]).toEqual([1, 0]);
    expect(leaf.events.filter((e) => e.type === 'packet').length).toBe(1);
  });

  it('takes nothing that is wrapped twice', () => {
    const [, h, b] = chain();
    const nested = sealFor(1, 3, envelope(3, inner));
    const flood = sealFor(1, 3, Uint8Array.of(Kind.flood, ...new Uint8Array(80)));
    give(h, 1, sealFor(1, 2, envelope(3, nested)), sealFor(1, 2, envelope(3, flood)));
    settle([h, b]);
    expect([b.drops('malformed-frame'), b.io.deviceOut.length]).toEqual([2, 0]);
    expect(types(b).filter((type) => type === 'packet')).toEqual([]);
    // The way of the packets after it is their own again.
    send(b, plainFrame(macOf(2), macOf(3)));
    give(b, 2, sealFor(2, 3, Uint8Array.of(Kind.frame, ...plainFrame(macOf(3), macOf(2)))));
    expect(peerField(b, 2, PeerField.lastRxDirectMs)).toBe(b.time.now);
  });

  it('reaches a leaf, which answers by any link', () => {
    const rigs = [makeRig(1), makeRig(2), makeRig(3, undefined, true)] as const;
    const [a, h, leaf] = rigs;
    a.meet(2);
    h.meet(1);
    h.meet(3);
    leaf.meet(2);
    h.link([{ n: 1 }, { n: 3, forwards: false, flood: 'copy' }]);
    behind(a, 3);
    behind(leaf, 1);
    // 4 is nearer to the leaf than its anchor is.
    behind(leaf, 4);
    send(a, plainFrame(macOf(3), macOf(1)));
    settle(rigs);
    expect(leaf.io.deviceOut.length).toBe(1);
    send(leaf, plainFrame(macOf(4), macOf(3)));
    expect(leaf.io.netOut.map((s) => s.to)).toEqual([endpointOf(2)]);
  });

  it('limits a storm of small packets from one link, and nobody else', () => {
    const [, h] = chain();
    const storm = 40_000;
    for (let i = 0; i < storm; i++) give(h, 1, sealFor(1, 2, envelope(3, inner)));
    const limited = h.drops('transit-limited');
    expect(limited).toBeGreaterThan(storm / 2);
    h.io.netOut.length = 0;
    give(h, 3, sealFor(3, 2, envelope(1, inner)));
    expect([h.drops('transit-limited'), h.io.netOut.length]).toEqual([limited, 1]);
    h.io.netOut.length = 0;
    h.time.now += 100;
    give(h, 1, sealFor(1, 2, envelope(3, inner)));
    expect([h.drops('transit-limited'), h.io.netOut.length]).toEqual([limited, 1]);
  });

  it('lets gigabits of full packets through', () => {
    const links = new Links(new Arena(64), {} as Tables, 0, false);
    let limited = 0;
    // Ten seconds of 214 packets a millisecond: 2.4 Gbit/s.
    for (let i = 0; i < 2_140_000; i++) if (!links.admits(5, 1_400, Math.floor(i / 214))) limited++;
    expect(limited).toBe(0);
  });
});
