/** The packet port of memory: what the tests of whole nodes stand on. What the packet loop does is tested beside it. */
import { describe, expect, it } from 'vitest';
import type { Path, PlaneListener } from '../../../src/core/dataplane/plane/plane.js';
import { macOf } from '../../../src/core/identity/node-id.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { publicKeyOf, seedOf } from '../../support/loop-rig.js';
import { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';
import { VirtualClock } from '../../support/virtual.js';

const idOf = (n: number): Uint8Array => new Uint8Array(16).fill(n);
const macOfNode = (n: number): Uint8Array => macOf(idOf(n));
const everybody = new Uint8Array(6).fill(255);

function frameOf(to: Uint8Array, from: number, fill: number, length = 60): Uint8Array {
  const frame = new Uint8Array(length).fill(fill);
  frame.set(to, 0);
  frame.set(macOfNode(from), 6);
  frame[12] = 0x88;
  frame[13] = 0xb5;
  return frame;
}

class Recorder implements PlaneListener {
  readonly log: string[] = [];
  readonly carried: [number, Uint8Array, Uint8Array][] = [];
  packet: PlaneListener['packet'] = (bytes, origin) => this.log.push(`packet ${bytes[0]} ${origin.kind}`);
  control: PlaneListener['control'] = (slot, bytes, origin) =>
    this.log.push(`control ${slot} ${bytes.join('.')} ${origin.kind}`);
  confirmed: PlaneListener['confirmed'] = (slot, index) => this.log.push(`confirmed ${slot} ${index}`);
  wanted: PlaneListener['wanted'] = (slot) => this.log.push(`wanted ${slot}`);
  stirred: PlaneListener['stirred'] = (slot) => this.log.push(`stirred ${slot}`);
  conduct: PlaneListener['conduct'] = (slot) => this.log.push(`conduct ${slot}`);
  lanHello: PlaneListener['lanHello'] = () => this.log.push('lan hello');
  unknown: PlaneListener['unknown'] = (mac) => this.log.push(`unknown ${mac.join(':')}`);
  stranger: PlaneListener['stranger'] = (slot, id) => this.log.push(`stranger ${slot} ${id.join('.')}`);
  suspect: PlaneListener['suspect'] = (slot, reason) => this.log.push(`suspect ${slot} ${reason}`);
  roamed: PlaneListener['roamed'] = (slot, { host, port }) => this.log.push(`roamed ${slot} ${host}:${port}`);
  carry: PlaneListener['carry'] = (carrier, destination, batch) =>
    this.carried.push([carrier, destination, batch]);
  exhausted: PlaneListener['exhausted'] = (slot, index) => this.log.push(`exhausted ${slot} ${index}`);
  restarted: PlaneListener['restarted'] = (n) => this.log.push(`restarted ${n}`);
  failed: PlaneListener['failed'] = (error) => this.log.push(`failed ${error.message}`);
}

/** Nodes 1 … n on one net; the slot of node k is k everywhere. */
async function planes(n: number) {
  const clock = new VirtualClock();
  const net = new MemoryNet({ clock });
  const nodes = Array.from({ length: n }, (_, i) => {
    const k = i + 1;
    const plane = new MemoryPlane(
      {
        deviceName: 'evio%d',
        nodeId: idOf(k),
        seed: seedOf(k),
        mac: macOfNode(k),
        ip: 0x0a90_0000 + k,
        prefix: 16,
        prefix6: new Uint8Array(8),
        mtu: 1350,
        port: 7000 + k,
      },
      { net, host: `192.0.2.${k}` },
    );
    const got: Uint8Array[] = [];
    plane.onFrame = (frame) => got.push(frame);
    return { k, plane, got, told: new Recorder() };
  });
  type Node = (typeof nodes)[number];
  const at = (k: number): Node => nodes[k - 1] as Node;
  for (const { plane, told } of nodes) await plane.start(told);
  /** Gives `a` a peer `b` with keys, to be used when there is a path. */
  const meet = (a: number, b: number, path?: Path): void => {
    const { plane } = at(a);
    plane.addPeer(b, idOf(b), publicKeyOf(b), { mac: macOfNode(b), ip: 0x0a90_0000 + b, bridge: false });
    plane.addKey(b, {
      localIndex: a * 100 + b,
      remoteIndex: b * 100 + a,
      suite: Suite.aes256gcm,
      sendKey: new Uint8Array(32).fill(a * 16 + b),
      receiveKey: new Uint8Array(32).fill(b * 16 + a),
    });
    if (!path) return;
    plane.useKey(b, a * 100 + b);
    plane.setPath(b, path);
  };
  const direct = (k: number): Path => ({ kind: 'direct', endpoint: at(k).plane.endpoint });
  const link = (a: number, others: readonly number[]): void => {
    const links = others.map((slot) => ({ slot, forwards: true, flood: 'range' as const, reaches: [] }));
    at(a).plane.setLinks(links, true);
  };
  return { clock, net, at, meet, direct, link };
}

describe('a plane of memory', () => {
  it('tells through the clock and in order, never from within a call', async () => {
    const t = await planes(2);
    const [a, b] = [t.at(1), t.at(2)];
    t.meet(1, 2);
    t.meet(2, 1);
    const frame = frameOf(macOfNode(2), 1, 7);
    a.plane.transmit(frame);
    expect(a.told.log).toEqual([]);
    t.clock.advance(0);
    expect(a.told.log).toEqual(['wanted 2']);
    a.plane.useKey(2, 102);
    a.plane.setPath(2, t.direct(2));
    a.plane.sendControl(2, Uint8Array.of(9));
    t.clock.advance(0.9);
    expect([b.told.log, b.got]).toEqual([[], []]);
    t.clock.advance(0.1);
    expect(b.told.log).toEqual([
      'confirmed 1 201',
      'roamed 1 192.0.2.1:7001',
      'stirred 1',
      'control 1 9 direct',
    ]);
    expect(b.got).toEqual([frame]);
    expect(b.plane.peerCounters(1)).toMatchObject({ rxFrames: 1, rxDirect: 1, rxBytes: 60 });
    expect(b.plane.peerCounters(1).lastRxMs).toBe(t.clock.now());
  });

  it('lets the host answer from within onFrame', async () => {
    const t = await planes(2);
    for (const [x, y] of [
      [1, 2],
      [2, 1],
    ] as const)
      t.meet(x, y, t.direct(y));
    const [a, b] = [t.at(1), t.at(2)];
    b.plane.onFrame = () => {
      b.plane.transmit(frameOf(macOfNode(1), 2, 8));
    };
    a.plane.transmit(frameOf(macOfNode(2), 1, 7));
    t.clock.advance(2);
    expect(a.got.map((frame) => frame[50])).toEqual([8]);
  });

  it('sends each packet as a datagram of its own', async () => {
    const t = await planes(2);
    t.meet(1, 2);
    t.meet(2, 1);
    const a = t.at(1);
    for (let i = 0; i < 8; i++) a.plane.transmit(frameOf(macOfNode(2), 1, i));
    a.plane.useKey(2, 102);
    a.plane.setPath(2, t.direct(2));
    expect(t.net.sent).toBe(8);
    t.clock.advance(1);
    expect(t.at(2).got.map((frame) => frame[50])).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('does in time what the loop has put off', async () => {
    const t = await planes(2);
    t.meet(1, 2, t.direct(2));
    t.meet(2, 1, t.direct(1));
    const a = t.at(1);
    t.link(1, [2]);
    a.plane.setLinks([{ slot: 2, forwards: true, flood: 'range', reaches: [] }], false);
    a.plane.transmit(frameOf(macOfNode(9), 1, 4));
    t.clock.advance(999);
    expect(a.told.log).toEqual([`unknown ${macOfNode(9).join(':')}`]);
    expect(t.at(2).got).toEqual([]);
    t.clock.advance(3);
    expect(t.at(2).got.map((frame) => frame[50])).toEqual([4]);
  });

  it('asks the host for groups where that is no frame of others', async () => {
    const t = await planes(1);
    const queries: Uint8Array[] = [];
    t.at(1).plane.onQuery = (frame) => queries.push(frame);
    t.clock.advance(0);
    // IGMP, MLD.
    expect(queries.map((frame) => (frame[12] as number) * 256 + (frame[13] as number))).toEqual([
      0x0800, 0x86dd,
    ]);
    expect(t.at(1).got).toEqual([]);
  });

  it('goes by a relay and by a carrier', async () => {
    const t = await planes(2);
    const [a, b] = [t.at(1), t.at(2)];
    const relay = t.net.open('198.51.100.1', 3478, (bytes, from) => {
      expect([bytes[0], from]).toEqual([0x58, { host: '192.0.2.1', port: 7001 }]);
      bytes[0] = 0x59;
      bytes.set(idOf(1), 8);
      relay.send(bytes, b.plane.endpoint);
    });
    for (const { plane } of [a, b]) plane.setRelay(0, { endpoint: relay.endpoint, association: 77 });
    t.meet(1, 2, { kind: 'relay', relay: 0, destination: idOf(2) });
    t.meet(2, 1);
    const frame = frameOf(macOfNode(2), 1, 9);
    a.plane.transmit(frame);
    t.clock.advance(2);
    expect(b.got).toEqual([frame]);
    expect(b.plane.peerCounters(1).rxRelayed).toBe(1);
    a.plane.setPath(2, { kind: 'carrier', carrier: 2, destination: idOf(2) });
    a.plane.transmit(frame);
    t.clock.advance(0);
    const [carrier, destination, batch] = a.told.carried[0] as [number, Uint8Array, Uint8Array];
    expect([carrier, destination]).toEqual([2, idOf(2)]);
    b.plane.carried(4, idOf(1), batch);
    t.clock.advance(0);
    expect(b.got.length).toBe(2);
  });

  it('shows what a curious member sees of packets between others: nothing of the frame', async () => {
    const t = await planes(3);
    for (const [x, y] of [
      [1, 2],
      [2, 1],
      [2, 3],
      [3, 2],
    ] as const)
      t.meet(x, y, t.direct(y));
    t.meet(1, 3, { kind: 'overlay', destination: idOf(3) });
    t.meet(3, 1, { kind: 'overlay', destination: idOf(1) });
    t.link(1, [2]);
    t.link(2, [1, 3]);
    t.link(3, [2]);
    const [a, h, b] = [t.at(1), t.at(2), t.at(3)];
    const seen: [number, Uint8Array][] = [];
    h.plane.onTransit = (inner, via) => seen.push([via, inner]);
    const frame = frameOf(macOfNode(3), 1, 0xa7);
    a.plane.transmit(frame);
    a.plane.sendPacket(Uint8Array.of(0x51, 9), { kind: 'overlay', destination: idOf(3), via: 2 });
    t.clock.advance(5);
    expect(b.got).toEqual([frame]);
    expect(b.told.log).toContain('packet 81 overlay');
    expect(seen.map(([via, inner]) => [via, inner[0]])).toEqual([
      [1, 0x50],
      [1, 0x51],
    ]);
    for (const [, inner] of seen) expect(Buffer.from(inner).includes(Buffer.alloc(12, 0xa7))).toBe(false);
    expect([h.got, h.plane.deviceCounters().transitPackets]).toEqual([[], 2]);
  });

  it('binds a new socket to the same endpoint, and says when it is taken', async () => {
    const t = await planes(2);
    t.meet(1, 2, t.direct(2));
    t.meet(2, 1);
    const [a, b] = [t.at(1), t.at(2)];
    const { endpoint } = b.plane;
    await b.plane.rebind();
    expect(b.plane.endpoint).toEqual(endpoint);
    a.plane.transmit(frameOf(macOfNode(2), 1, 3));
    t.clock.advance(2);
    expect(b.got.length).toBe(1);
    await b.plane.stop();
    t.net.open(endpoint.host, endpoint.port, () => undefined);
    const options = {
      deviceName: 'x',
      nodeId: idOf(9),
      seed: seedOf(9),
      mac: macOfNode(9),
      ip: 9,
      prefix: 16,
      prefix6: new Uint8Array(8),
      mtu: 1350,
    };
    const again = new MemoryPlane({ ...options, port: endpoint.port }, { net: t.net, host: endpoint.host });
    await expect(again.start(b.told)).rejects.toMatchObject({ code: 'EVIO_ADDRESS_IN_USE' });
  });

  it('says once when somebody removes the interface, and nothing after it was stopped', async () => {
    const t = await planes(2);
    t.meet(1, 2, t.direct(2));
    t.meet(2, 1, t.direct(1));
    const [a, b] = [t.at(1), t.at(2)];
    a.plane.removeDevice();
    a.plane.setLinks([], true);
    t.clock.advance(10);
    expect(a.told.log).toEqual(['failed the network interface was removed']);
    b.plane.transmit(frameOf(everybody, 2, 1));
    b.plane.transmit(frameOf(macOfNode(1), 2, 1));
    await a.plane.stop();
    await a.plane.stop();
    const { sent } = t.net;
    a.plane.sendControl(2, Uint8Array.of(1), t.direct(2));
    t.clock.advance(5_000);
    expect(t.net.sent).toBe(sent);
    expect(a.told.log.length).toBe(1);
  });
});
