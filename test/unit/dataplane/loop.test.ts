/** The packet loop between arrays: switching, paths, events and limits of the contract in plane.ts. */
import { describe, expect, it } from 'vitest';
import type { Command } from '../../../src/core/dataplane/plane/messages.js';
import {
  FlowField,
  PeerField,
  peerStride,
  readHoleCounters,
} from '../../../src/core/dataplane/plane/shared.js';
import type { Endpoint } from '../../../src/core/lib/endpoint.js';
import { Errno } from '../../../src/core/native/libc.js';
import { PacketType } from '../../../src/core/wire/packet.js';
import { arpFrame, buildTcp, plainFrame, udpFrame } from '../../support/frames.js';
import {
  carryOver,
  endpointOf,
  fromDevice,
  idOf,
  indexOf,
  ipOf,
  macOf,
  publicKeyOf,
  makeRig,
  slotOf,
  type Rig,
} from '../../support/loop-rig.js';

const broadcast = new Uint8Array(6).fill(255);
const types = (rig: Rig): string[] => rig.events.splice(0).map((e) => e.type);
const peerField = (rig: Rig, other: number, field: number): number =>
  rig.shared.peers[slotOf(other) * peerStride + field] as number;

function pair(): [Rig, Rig] {
  const a = makeRig(1);
  const b = makeRig(2);
  a.meet(2);
  b.meet(1);
  return [a, b];
}

describe('switching', () => {
  it('sends a unicast frame to its owner only, and counts it', () => {
    const [a, b] = pair();
    a.meet(3);
    const frame = plainFrame(macOf(2), macOf(1));
    a.io.deviceIn.push(fromDevice(frame));
    a.run();
    expect(a.io.netOut.map((s) => s.to)).toEqual([endpointOf(2)]);
    // 16 header, 1 kind, 60 frame, 16 tag.
    expect(a.io.netOut[0]?.bytes.length).toBe(93);
    carryOver(a, b);
    expect(b.io.deviceOut.map((d) => d.frame)).toEqual([frame]);
    expect(peerField(a, 2, PeerField.txDirect)).toBe(1);
    expect(peerField(b, 1, PeerField.rxBytes)).toBe(60);
    expect(peerField(b, 1, PeerField.lastRxDirectMs)).toBe(b.time.now);
    expect(peerField(b, 1, PeerField.lastTxMs)).toBe(0);
  });

  it('tells its own host when the address of a member belongs to another MAC than before', () => {
    const [a] = pair();
    const ip = ipOf(9);
    const set = (...neighbours: { ip: number; mac: Uint8Array }[]): void => {
      a.loop.command({ type: 'set-neighbours', neighbours });
      a.run();
    };
    set({ ip, mac: macOf(9) });
    set({ ip, mac: macOf(9) });
    // It left, and comes again under another key.
    set();
    expect(a.io.deviceOut).toEqual([]);
    set({ ip, mac: macOf(10) });
    const arp = arpFrame(macOf(1), macOf(10), 2, { mac: macOf(10), ip }, { mac: macOf(1), ip: ipOf(1) });
    expect(a.io.deviceOut.splice(0).map(({ frame }) => frame)).toEqual([arp]);
    set({ ip, mac: macOf(10) });
    expect(a.io.deviceOut).toEqual([]);
  });

  it('floods broadcast and unknown unicast to every connected peer', () => {
    const [a] = pair();
    a.meet(3);
    a.meet(4, { path: false });
    for (const to of [broadcast, macOf(77)]) {
      a.io.deviceIn.push(fromDevice(plainFrame(to, macOf(1))));
      a.run();
      expect(a.io.netOut.splice(0).map((s) => s.to.host)).toEqual(['192.0.2.2', '192.0.2.3']);
    }
    a.loop.command({ type: 'remove-peer', slot: slotOf(2) });
    a.loop.command({ type: 'remove-key', localIndex: indexOf(1, 3) });
    a.io.deviceIn.push(fromDevice(plainFrame(broadcast, macOf(1))));
    a.run();
    expect(a.io.netOut).toEqual([]);
    expect(a.drops('no-peer')).toBe(1);
  });

  it('gives every peer the same super-frame when one is flooded', () => {
    const a = makeRig(1);
    const others = [makeRig(2), makeRig(3)];
    for (const other of others) {
      a.meet(other.n);
      other.meet(1);
    }
    const built = buildTcp(
      {
        destination: macOf(99),
        source: macOf(1),
        vlans: [],
        v6: false,
        sourceAddress: Uint8Array.of(10, 144, 0, 1),
        destinationAddress: Uint8Array.of(10, 144, 0, 99),
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
        options: new Uint8Array(0),
        payload: Uint8Array.from({ length: 6_000 }, (_, i) => i),
      },
      'partial',
    );
    a.io.deviceIn.push(
      fromDevice(built.bytes, { flags: 1, type: 1, size: 1_000, start: built.tcp, offset: 16 }),
    );
    a.run();
    const sent = a.io.netOut.splice(0);
    for (const other of others) {
      a.io.netOut.push(...sent.filter((s) => s.to.host === endpointOf(other.n).host));
      expect(carryOver(a, other)).toBe(6);
      expect(other.io.deviceOut.map((d) => d.frame.subarray(54))).toEqual([built.bytes.subarray(54)]);
    }
  });

  it('limits floods of one origin', () => {
    const [a] = pair();
    for (let i = 0; i < 9_000; i++) a.io.deviceIn.push(fromDevice(plainFrame(broadcast, macOf(1))));
    a.run();
    expect(a.drops('flood-limited')).toBe(1_000);
    a.time.now += 100;
    a.io.deviceIn.push(fromDevice(plainFrame(broadcast, macOf(1))));
    a.run();
    expect(a.drops('flood-limited')).toBe(1_000);
  });

  it('answers ARP for members and sends nothing', () => {
    const [a] = pair();
    a.loop.command({
      type: 'set-neighbours',
      neighbours: [1, 2, 3].map((n) => ({ ip: ipOf(n), mac: macOf(n) })),
    });
    const ask = (n: number): Uint8Array =>
      fromDevice(
        arpFrame(
          broadcast,
          macOf(1),
          1,
          { mac: macOf(1), ip: ipOf(1) },
          { mac: new Uint8Array(6), ip: ipOf(n) },
        ),
      );
    a.io.deviceIn.push(ask(3));
    a.run();
    expect(a.io.netOut).toEqual([]);
    expect(a.io.deviceOut.map((d) => d.frame)).toEqual([
      arpFrame(macOf(1), macOf(3), 2, { mac: macOf(3), ip: ipOf(3) }, { mac: macOf(1), ip: ipOf(1) }),
    ]);
    // Own address (a probe for duplicates) and strangers are for everybody.
    a.io.deviceIn.push(ask(1), ask(9));
    a.run();
    expect(a.io.netOut.length).toBeGreaterThan(0);
    expect(a.io.deviceOut.length).toBe(1);
  });

  it('learns what is behind a bridge, and follows it', () => {
    const [a, b] = pair();
    const c = makeRig(3);
    c.meet(1);
    c.meet(2);
    a.meet(2, { bridge: true });
    a.meet(3, { bridge: true });
    const behind = Uint8Array.of(6, 6, 6, 6, 6, 6);
    const send = (): string[] => {
      a.io.deviceIn.push(fromDevice(plainFrame(behind, macOf(1))));
      a.run();
      return a.io.netOut.splice(0).map((s) => s.to.host);
    };
    expect(send()).toEqual(['192.0.2.2', '192.0.2.3']);
    b.io.deviceIn.push(fromDevice(plainFrame(macOf(1), behind)));
    b.run();
    carryOver(b, a);
    expect(send()).toEqual(['192.0.2.2']);
    c.io.deviceIn.push(fromDevice(plainFrame(broadcast, behind)));
    c.run();
    carryOver(c, a);
    expect(send()).toEqual(['192.0.2.3']);
    a.time.now += 301_000;
    expect(send()).toEqual(['192.0.2.2', '192.0.2.3']);
  });

  it('drops what is longer than the interface allows', () => {
    const [a] = pair();
    a.io.deviceIn.push(
      fromDevice(plainFrame(macOf(2), macOf(1), 1_372)),
      fromDevice(plainFrame(macOf(2), macOf(1), 1_373)),
    );
    a.run();
    expect([a.io.netOut.length, a.drops('oversize')]).toEqual([1, 1]);
  });

  it('carries a partial checksum where only the sender knows the place', () => {
    const [a, b] = pair();
    const frame = plainFrame(macOf(2), macOf(1), 200);
    a.io.deviceIn.push(fromDevice(frame, { flags: 1, start: 100, offset: 20 }));
    a.run();
    carryOver(a, b);
    expect(b.io.deviceOut).toEqual([
      { flags: 1, type: 0, headerLength: 0, size: 0, start: 100, offset: 20, frame },
    ]);
  });
});

describe('peers without key or path', () => {
  it('holds eight frames for three seconds and asks once a second', () => {
    const a = makeRig(1);
    const b = makeRig(2);
    b.meet(1);
    a.meet(2, { path: false });
    const send = (n: number): void => {
      for (let i = 0; i < n; i++) a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1), 60, i)));
      a.run();
    };
    send(2);
    expect(types(a)).toEqual(['wanted']);
    a.time.now += 2_500;
    send(10);
    expect(types(a)).toEqual(['wanted']);
    // Six of ten found room beside the two.
    expect(a.drops('no-path')).toBe(4);
    a.time.now += 600;
    a.loop.commandsBegin();
    a.loop.command({ type: 'set-path', slot: slotOf(2), path: { kind: 'direct', endpoint: endpointOf(2) } });
    a.loop.commandsDone();
    carryOver(a, b);
    expect(b.io.deviceOut.map((d) => d.frame[20])).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('does not ask for broadcasts', () => {
    const a = makeRig(1);
    a.meet(2, { use: false });
    a.io.deviceIn.push(fromDevice(plainFrame(broadcast, macOf(1))));
    a.run();
    expect(types(a)).toEqual([]);
  });
});

describe('events', () => {
  it('tells of a confirmed key once, of roaming, and of control messages', () => {
    const a = makeRig(1);
    const b = makeRig(2);
    a.meet(2);
    b.meet(1, { use: false });
    a.loop.command({ type: 'send-control', slot: slotOf(2), bytes: new Uint8Array(0), path: undefined });
    a.loop.command({ type: 'send-control', slot: slotOf(2), bytes: Uint8Array.of(1, 2, 3), path: undefined });
    a.loop.commandsDone();
    expect(carryOver(a, b, { host: '2001:db8::7', port: 99 })).toBe(2);
    expect(b.events.splice(0)).toEqual([
      { type: 'confirmed', slot: slotOf(1), localIndex: indexOf(2, 1) },
      { type: 'roamed', slot: slotOf(1), endpoint: { host: '2001:db8::7', port: 99 } },
      {
        type: 'control',
        slot: slotOf(1),
        bytes: Uint8Array.of(1, 2, 3),
        origin: { kind: 'direct', endpoint: { host: '2001:db8::7', port: 99 } },
      },
    ]);
    expect(b.io.deviceOut).toEqual([]);
  });

  it('limits the reach of one control message, and of no other packet', () => {
    const [a] = pair();
    const path = { kind: 'direct', endpoint: endpointOf(9), hops: 3 } as const;
    a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    a.run();
    a.loop.command({ type: 'send-control', slot: slotOf(2), bytes: Uint8Array.of(1), path: undefined });
    a.loop.command({ type: 'send-control', slot: slotOf(2), bytes: Uint8Array.of(1), path });
    a.loop.command({ type: 'send-control', slot: slotOf(2), bytes: Uint8Array.of(1), path: undefined });
    a.loop.commandsDone();
    expect(a.io.netOut.map((s) => [s.to.host, s.hops])).toEqual([
      ['192.0.2.2', 0],
      ['192.0.2.2', 0],
      ['192.0.2.9', 3],
      ['192.0.2.2', 0],
    ]);
  });

  it('limits roaming to ten a second', () => {
    const [a, b] = pair();
    for (let i = 0; i < 1_000; i++) {
      a.loop.command({ type: 'send-control', slot: slotOf(2), bytes: new Uint8Array(0), path: undefined });
      a.loop.commandsDone();
      b.time.now += 1;
      carryOver(a, b, { host: '198.51.100.1', port: i + 1 });
    }
    expect(types(b).filter((t) => t === 'roamed').length).toBe(10);
  });

  it('passes handshakes and STUN up, drops the rest, and bounds the queue', () => {
    const [a] = pair();
    const from = endpointOf(9);
    const stun = new Uint8Array(20);
    stun.set([0x01, 0x01, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
    const inbound = [
      Uint8Array.of(0x51, 1),
      Uint8Array.of(0x5b),
      stun,
      stun.subarray(0, 19),
      Uint8Array.of(0),
      Uint8Array.of(0x58),
      Uint8Array.of(0x77),
    ];
    for (const bytes of inbound) a.io.netIn.push({ bytes, from, segment: 0 });
    a.run();
    expect(a.events.splice(0)).toEqual(
      inbound.slice(0, 3).map((bytes) => ({
        type: 'packet',
        bytes: bytes.slice(),
        origin: { kind: 'direct', endpoint: from },
      })),
    );
    expect(a.drops('unknown-type')).toBe(4);
    for (let i = 0; i < 1_000; i++) a.io.netIn.push({ bytes: Uint8Array.of(0x51), from, segment: 0 });
    a.run();
    expect(a.drops('control-queue-full')).toBe(1_000 - 509);
    // Members' control messages do not suffer from strangers' noise, once the queue is taken.
    a.shared.flow[FlowField.eventsDone] = 512;
    const b = makeRig(2);
    b.meet(1);
    b.loop.command({ type: 'send-control', slot: slotOf(1), bytes: Uint8Array.of(4), path: undefined });
    b.loop.commandsDone();
    a.events.length = 0;
    carryOver(b, a);
    expect(types(a)).toContain('control');
  });
});

describe('relay and carrier', () => {
  it('goes through a relay and comes from it', () => {
    const [a, b] = pair();
    const relay = { host: '203.0.113.5', port: 3478 };
    a.loop.command({
      type: 'set-path',
      slot: slotOf(2),
      path: { kind: 'relay', relay: 0, destination: idOf(2) },
    });
    a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    a.run();
    expect(a.io.netOut).toEqual([]);
    a.loop.command({ type: 'set-relay', relay: 0, route: { endpoint: relay, association: 0x8000_0001 } });
    for (let i = 0; i < 3; i++) a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    a.run();
    const sent = a.io.netOut.splice(0);
    expect(sent.map((s) => [s.to, s.segment])).toEqual([
      [relay, 0],
      [relay, 117],
    ]);
    const bytes = (sent[1] as (typeof sent)[0]).bytes;
    expect([...bytes.subarray(0, 24)]).toEqual([0x58, 0, 0, 0, 1, 0, 0, 0x80, ...idOf(2)]);
    for (let at = 0; at < bytes.length; at += 117) {
      bytes[at] = 0x59;
      bytes.set([0, 0, 0, 0, ...idOf(1)], at + 4);
    }
    b.io.netIn.push({ bytes: bytes.slice(), from: relay, segment: 117 });
    b.run();
    expect(b.drops('unknown-type')).toBe(3);
    b.loop.command({ type: 'set-relay', relay: 7, route: { endpoint: relay, association: 5 } });
    b.io.netIn.push({ bytes, from: relay, segment: 117 });
    b.run();
    expect(b.io.deviceOut.length).toBe(3);
    expect([peerField(b, 1, PeerField.rxRelayed), peerField(b, 1, PeerField.lastRxDirectMs)]).toEqual([3, 0]);
    // A control message tells the node that the relay vouches for.
    const nested = Uint8Array.from([0x59, 0, 0, 0, 0, 0, 0, 0, ...idOf(8), 0x51, 9]);
    b.events.length = 0;
    b.io.netIn.push({ bytes: nested, from: relay, segment: 0 });
    b.io.netIn.push({
      bytes: Uint8Array.from([...nested.subarray(0, 24), ...nested]),
      from: relay,
      segment: 0,
    });
    b.run();
    expect(b.events.splice(0)).toEqual([
      { type: 'packet', bytes: Uint8Array.of(0x51, 9), origin: { kind: 'relay', relay: 7, source: idOf(8) } },
    ]);
    expect(b.drops('unknown-type')).toBe(4);
  });

  it('sends by two ways what goes by a path in doubt, of which the other side takes one copy', () => {
    const [a, b] = pair();
    const relay = { host: '203.0.113.5', port: 3478 };
    a.loop.command({ type: 'set-relay', relay: 0, route: { endpoint: relay, association: 9 } });
    b.loop.command({ type: 'set-relay', relay: 0, route: { endpoint: relay, association: 8 } });
    const path = { kind: 'direct', endpoint: endpointOf(2) } as const;
    const beside = { kind: 'relay', relay: 0, destination: idOf(2) } as const;
    const frames = [60, 1_200, 300].map((n) => plainFrame(macOf(2), macOf(1), n));
    const send = (): { direct: number; relayed: number } => {
      for (const frame of frames) a.io.deviceIn.push(fromDevice(frame));
      a.run();
      const sent = a.io.netOut.splice(0).flatMap(({ to, bytes, segment }) => {
        const parts: { to: unknown; bytes: Uint8Array }[] = [];
        const each = segment || bytes.length;
        for (let at = 0; at < bytes.length; at += each) parts.push({ to, bytes: bytes.slice(at, at + each) });
        return parts;
      });
      const isRelay = ({ to }: { to: unknown }): boolean => JSON.stringify(to) === JSON.stringify(relay);
      for (const part of sent) {
        if (isRelay(part)) part.bytes.set([0x59, 0, 0, 0, 0, 0, 0, 0, ...idOf(1)]);
        b.io.netIn.push({ bytes: part.bytes, from: isRelay(part) ? relay : endpointOf(1), segment: 0 });
      }
      b.run();
      return { direct: sent.filter((part) => !isRelay(part)).length, relayed: sent.filter(isRelay).length };
    };
    const arrived = (): Uint8Array[] => b.io.deviceOut.splice(0).map(({ frame }) => frame);
    expect(send()).toEqual({ direct: 3, relayed: 0 });
    expect(arrived()).toEqual(frames);
    a.loop.command({ type: 'set-path', slot: slotOf(2), path, beside });
    expect(send()).toEqual({ direct: 3, relayed: 3 });
    expect(arrived()).toEqual(frames);
    expect(b.drops('replayed')).toBe(3);
    // The way by which the first copy comes is no matter; and that they come again is no misconduct then.
    b.time.now += 10;
    expect(send()).toEqual({ direct: 3, relayed: 3 });
    expect(arrived()).toEqual(frames);
    expect(peerField(a, 2, PeerField.txFrames)).toBe(9);
    // Too long for the second way, which is known to carry less.
    a.loop.command({ type: 'set-path', slot: slotOf(2), path, beside: { ...beside, limit: 400 } });
    expect(send()).toEqual({ direct: 3, relayed: 2 });
    expect(arrived()).toEqual(frames);
    a.loop.command({ type: 'set-path', slot: slotOf(2), path });
    expect(send()).toEqual({ direct: 3, relayed: 0 });
    expect(arrived()).toEqual(frames);
  });

  it('accuses nobody for copies while a peer sends by two ways', () => {
    const [a, b] = pair();
    const relay = { host: '203.0.113.5', port: 3478 };
    a.loop.command({ type: 'set-relay', relay: 0, route: { endpoint: relay, association: 9 } });
    b.loop.command({ type: 'set-relay', relay: 0, route: { endpoint: relay, association: 8 } });
    const exchange = (first: 'relay' | 'direct', copies: number): number => {
      a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
      a.run();
      const bytes = a.io.netOut.splice(0)[0]?.bytes as Uint8Array;
      const relayed = Uint8Array.from([0x59, 0, 0, 0, 0, 0, 0, 0, ...idOf(1), ...bytes]);
      for (let i = 0; i < copies; i++) {
        const way = (i === 0) === (first === 'relay');
        b.io.netIn.push({
          bytes: way ? relayed.slice() : bytes.slice(),
          from: way ? relay : endpointOf(1),
          segment: 0,
        });
      }
      b.run();
      return peerField(b, 1, PeerField.replayed);
    };
    expect(exchange('relay', 3)).toBe(0);
    b.time.now += 20_000;
    expect(exchange('direct', 3)).toBe(2);
  });

  it('goes by the hole that is set for a carrier and a peer, and nobody else is heard there', () => {
    const [a, b] = pair();
    const path = { kind: 'carrier', carrier: 4, destination: idOf(2) } as const;
    const at = { host: '203.0.113.2', port: 99 };
    const route = { fd: 77, carrier: 4, destination: idOf(2), endpoint: at };
    a.loop.command({ type: 'set-hole', hole: 5, route });
    expect(a.io.listening).toEqual(new Map([[5, 77]]));
    a.loop.command({ type: 'set-path', slot: slotOf(2), path });
    const frames = [1_000, 1_000].map((n) => plainFrame(macOf(2), macOf(1), n));
    for (const frame of frames) a.io.deviceIn.push(fromDevice(frame));
    a.run();
    expect(a.events).toEqual([]);
    expect(a.io.netOut.map(({ to, socket }) => [to, socket])).toEqual([[at, 77]]);
    // A lone packet, a ping that must not be cut, and one to somebody else.
    a.loop.command({ type: 'send-packet', bytes: Uint8Array.of(PacketType.handshakeInit, 1), path });
    const ping = { type: 'send-control', slot: slotOf(2), bytes: new Uint8Array(9) } as const;
    a.loop.command({ ...ping, path: { ...path, whole: true } });
    a.loop.command({ ...ping, path: { kind: 'direct', endpoint: endpointOf(2) } });
    expect(a.io.netOut.slice(1).map(({ socket, whole }) => [socket, whole])).toEqual([
      [77, false],
      [77, true],
      [0, false],
    ]);

    const [sent] = a.io.netOut;
    if (!sent) throw new Error('nothing was sent');
    b.loop.command({ type: 'set-hole', hole: 1, route: { ...route, fd: 8, destination: idOf(1) } });
    const comes = (from: Endpoint, bytes = sent.bytes, segment = sent.segment): void => {
      b.io.netIn.push({ bytes, segment, from, hole: 1 });
      b.run();
    };
    comes({ ...at, port: 98 });
    expect([b.io.deviceOut.length, b.drops('unknown-type')]).toEqual([0, 1]);
    comes(at);
    expect(b.io.deviceOut.map((d) => d.frame)).toEqual(frames);
    // Its sender counts these as sent directly.
    expect([peerField(b, 1, PeerField.rxDirect), peerField(b, 1, PeerField.rxRelayed)]).toEqual([2, 0]);
    expect(types(b)).not.toContain('roamed');
    const asked = a.io.netOut[2] as (typeof a.io.netOut)[0];
    comes(at, asked.bytes, 0);
    expect(b.events.at(-1)).toMatchObject({
      type: 'control',
      origin: { kind: 'carrier', carrier: 4, source: idOf(1) },
    });
    expect(readHoleCounters([b.shared], 1)).toEqual({ received: 3, sent: 0 });
    expect(readHoleCounters([a.shared], 5)).toEqual({ received: 0, sent: 3 });

    // It goes: what would use it waits, and is nobody else's when its number is.
    a.loop.command({ type: 'set-hole', hole: 5, route: null });
    a.loop.command({ type: 'set-hole', hole: 5, route: { ...route, destination: idOf(3) } });
    const before = a.io.netOut.length;
    a.io.deviceIn.push(fromDevice(frames[0] as Uint8Array));
    a.run();
    expect([a.io.netOut.length, types(a)]).toEqual([before, ['wanted']]);
    expect(readHoleCounters([a.shared], 5)).toEqual({ received: 0, sent: 0 });
  });

  it('batches for a carrier, keeps memory flat, and takes batches back', () => {
    const [a, b] = pair();
    a.loop.command({
      type: 'set-path',
      slot: slotOf(2),
      path: { kind: 'carrier', carrier: 4, destination: idOf(2) },
    });
    const frames = [60, 1_000, 61].map((n) => plainFrame(macOf(2), macOf(1), n));
    for (const frame of frames) a.io.deviceIn.push(fromDevice(frame));
    a.run();
    const [event] = a.events.splice(0);
    if (event?.type !== 'carry') throw new Error('no batch');
    expect([event.carrier, event.destination]).toEqual([4, idOf(2)]);
    expect(event.batch.length).toBe(60 + 1_000 + 61 + 3 * (2 + 33));
    b.loop.command({ type: 'carried', carrier: 1, source: idOf(1), batch: event.batch });
    b.loop.command({ type: 'carried', carrier: 1, source: idOf(1), batch: event.batch.subarray(0, 20) });
    expect(b.io.deviceOut.map((d) => d.frame)).toEqual(frames);
    expect(b.drops('short')).toBe(1);
    expect(peerField(b, 1, PeerField.rxRelayed)).toBe(3);
    for (let i = 0; i < 5_000; i++) a.io.deviceIn.push(fromDevice(frames[1] as Uint8Array));
    a.run();
    let carried = 0;
    for (const e of a.events) if (e.type === 'carry') carried += e.batch.length;
    expect(carried).toBeLessThanOrEqual(4 << 20);
    expect(carried).toBeGreaterThan(4_000_000);
    expect(a.drops('carrier-full')).toBeGreaterThan(500);
    a.shared.flow[FlowField.carryDone] = carried;
    a.events.length = 0;
    a.io.deviceIn.push(fromDevice(frames[1] as Uint8Array));
    a.run();
    expect(types(a)).toEqual(['carry']);
  });
});

describe('what bad packets get', () => {
  it('counts each by its reason and moves nothing', () => {
    const [a, b] = pair();
    a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    a.run();
    const good = (a.io.netOut.splice(0)[0] as { bytes: Uint8Array }).bytes;
    const give = (bytes: Uint8Array): void => {
      b.io.netIn.push({ bytes, from: endpointOf(1), segment: 0 });
      b.run();
    };
    const changed = (at: number, value: number): Uint8Array => {
      const copy = good.slice();
      copy[at] = value;
      return copy;
    };
    give(good.subarray(0, 31));
    give(changed(5, 9));
    give(changed(4, 9));
    give(changed(40, (good[40] as number) ^ 1));
    give(changed(8, 200));
    give(changed(15, 1));
    give(good.subarray(0, good.length - 1));
    expect(['short', 'unknown-index', 'bad-tag', 'replayed'].map((r) => b.drops(r as 'short'))).toEqual([
      1, 2, 3, 1,
    ]);
    expect([types(b), b.io.deviceOut.length]).toEqual([[], 0]);
    give(good);
    give(good);
    expect([b.io.deviceOut.length, b.drops('replayed')]).toEqual([1, 2]);
  });

  it('guards members against each other', () => {
    const a = makeRig(1);
    const b = makeRig(2);
    a.meet(2);
    b.meet(1);
    b.loop.command({
      type: 'set-neighbours',
      neighbours: [1, 2, 3].map((n) => ({ ip: ipOf(n), mac: macOf(n) })),
    });
    const offer = (frame: Uint8Array): void => {
      a.io.deviceIn.push(fromDevice(frame));
    };
    const load = new Uint8Array(8);
    offer(plainFrame(macOf(2), macOf(3)));
    offer(udpFrame(macOf(2), macOf(1), ipOf(3), ipOf(2), load));
    offer(udpFrame(macOf(2), macOf(1), ipOf(2), ipOf(2), load));
    offer(arpFrame(macOf(2), macOf(1), 2, { mac: macOf(1), ip: ipOf(3) }, { mac: macOf(2), ip: ipOf(2) }));
    a.run();
    carryOver(a, b);
    expect([b.drops('guard-mac'), b.drops('guard-ip'), b.io.deviceOut.length]).toEqual([1, 3, 0]);
    offer(udpFrame(macOf(2), macOf(1), ipOf(1), ipOf(2), load));
    // Nobody's, which its certificate does not name either.
    offer(udpFrame(macOf(2), macOf(1), 0xac10_0001, ipOf(2), load));
    a.run();
    carryOver(a, b);
    expect([b.io.deviceOut.length, b.drops('guard-ip')]).toEqual([1, 4]);
  });
});

describe('sending under trouble', () => {
  it('sends one by one after the kernel refused to cut, and counts errors', () => {
    const [a] = pair();
    const three = (): void => {
      for (let i = 0; i < 3; i++) a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    };
    a.io.sendResults = [-Errno.EIO, 0, -Errno.ECONNREFUSED, -Errno.EAGAIN];
    three();
    a.run();
    expect(a.io.netOut.splice(0).map((s) => [s.bytes.length, s.segment])).toEqual([[93, 0]]);
    expect([a.drops('send-failed'), a.drops('send-full')]).toEqual([1, 1]);
    three();
    a.run();
    expect(a.io.netOut.splice(0).map((s) => s.segment)).toEqual([0, 0, 0]);
    // Linux 6.13 and later say EMSGSIZE for a cut send whose segments are too long; one by one the kernel may fragment.
    a.io.sendResults = [-Errno.EMSGSIZE, 0, -Errno.EMSGSIZE, 0];
    a.loop.command({ type: 'set-path', slot: slotOf(2), path: { kind: 'direct', endpoint: endpointOf(3) } });
    three();
    a.run();
    expect(a.io.netOut.splice(0).map((s) => s.segment)).toEqual([0, 0]);
    expect(a.drops('send-failed')).toBe(2);
  });
});

describe('the worker after one that crashed', () => {
  it('goes on with counters that were never used, and accepts nothing twice', () => {
    const [a, b] = pair();
    const old: Uint8Array[] = [];
    for (let i = 0; i < 40; i++) {
      a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
      a.run();
      old.push((a.io.netOut[0] as { bytes: Uint8Array }).bytes);
      if (i === 20) a.io.netOut.length = 0;
      carryOver(a, b);
    }
    const again = makeRig(2, b.shared);
    const keys = (n: number, other: number): Command => ({
      type: 'add-key',
      slot: slotOf(other),
      keys: {
        localIndex: indexOf(n, other),
        remoteIndex: indexOf(other, n),
        suite: 1,
        sendKey: new Uint8Array(32).fill(n * 16 + other),
        receiveKey: new Uint8Array(32).fill(other * 16 + n),
      },
      replayed: true,
    });
    again.loop.command({
      type: 'add-peer',
      slot: slotOf(1),
      nodeId: idOf(1),
      publicKey: publicKeyOf(1),
      guard: { mac: macOf(1), ip: ipOf(1), bridge: false },
    });
    again.loop.command(keys(2, 1));
    again.loop.command({ type: 'use-key', slot: slotOf(1), localIndex: indexOf(2, 1) });
    again.loop.command({
      type: 'set-path',
      slot: slotOf(1),
      path: { kind: 'direct', endpoint: endpointOf(1) },
    });
    for (const bytes of old) again.io.netIn.push({ bytes, from: endpointOf(1), segment: 0 });
    again.run();
    expect([again.io.deviceOut.length, again.drops('replayed')]).toEqual([0, 40]);
    a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    a.run();
    carryOver(a, again);
    expect(again.io.deviceOut.length).toBe(1);
    again.io.deviceIn.push(fromDevice(plainFrame(macOf(1), macOf(2))));
    again.run();
    const sent = (again.io.netOut[0] as { bytes: Uint8Array }).bytes;
    expect(new DataView(sent.buffer).getUint32(12)).toBeGreaterThanOrEqual(65_536);
  });

  it('stops using a key before its counter runs out', () => {
    const [a] = pair();
    a.shared.keyNext[indexOf(1, 2) & 0xffff] = 2 ** 52 - 2;
    for (let i = 0; i < 4; i++) a.io.deviceIn.push(fromDevice(plainFrame(macOf(2), macOf(1))));
    a.run();
    expect(types(a)).toEqual(['exhausted']);
    expect(a.drops('counter-exhausted')).toBe(2);
    const view = new DataView((a.io.netOut[0] as { bytes: Uint8Array }).bytes.buffer);
    expect([view.getUint32(8), view.getUint32(12)]).toEqual([0xf_ffff, 0xffff_fffe]);
  });
});
