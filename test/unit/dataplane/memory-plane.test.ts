import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/lib/env.js';
import type { Path, PlaneLink, PlaneListener } from '../../../src/core/dataplane/plane/plane.js';
import { macOf as macOfId } from '../../../src/core/identity/node-id.js';
import { Suite } from '../../../src/core/wire/packet.js';
import { MemoryNet } from '../../support/memory-net.js';
import { MemoryPlane } from '../../support/memory-plane.js';

/** Fires what is due, in order, when told. */
class StepClock implements Clock {
  #now = 0;
  #queue: { at: number; seq: number; fire: () => void }[] = [];
  #seq = 0;
  now = (): number => this.#now;
  date = (): number => this.#now;
  after(ms: number, fire: () => void): () => void {
    const entry = { at: this.#now + ms, seq: this.#seq++, fire };
    this.#queue.push(entry);
    return () => (this.#queue = this.#queue.filter((e) => e !== entry));
  }
  run(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const next = this.#queue.filter((e) => e.at <= end).sort((a, b) => a.at - b.at || a.seq - b.seq)[0];
      if (!next) break;
      this.#queue = this.#queue.filter((e) => e !== next);
      this.#now = next.at;
      next.fire();
    }
    this.#now = end;
  }
}

const macOf = (n: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, n);
const idOf = (n: number): Uint8Array => new Uint8Array(16).fill(n);

function frameOf(to: Uint8Array, from: Uint8Array, fill: number): Uint8Array {
  const frame = new Uint8Array(60).fill(fill);
  frame.set(to, 0);
  frame.set(from, 6);
  frame[12] = 0x88;
  frame[13] = 0xb5;
  return frame;
}

function recorder(): { log: string[]; listener: PlaneListener; carried: [number, Uint8Array, Uint8Array][] } {
  const log: string[] = [];
  const carried: [number, Uint8Array, Uint8Array][] = [];
  const listener: PlaneListener = {
    packet: (bytes, origin) => log.push(`packet ${bytes[0]} ${origin.kind}`),
    control: (slot, bytes, origin) => log.push(`control ${slot} ${bytes.join('.')} ${origin.kind}`),
    confirmed: (slot, index) => log.push(`confirmed ${slot} ${index}`),
    wanted: (slot) => log.push(`wanted ${slot}`),
    unknown: (mac) => log.push(`unknown ${mac.join(':')}`),
    roamed: (slot, endpoint) => log.push(`roamed ${slot} ${endpoint.host}:${endpoint.port}`),
    carry: (carrier, destination, batch) => carried.push([carrier, destination, batch]),
    exhausted: (slot, index) => log.push(`exhausted ${slot} ${index}`),
    restarted: (n) => log.push(`restarted ${n}`),
    failed: (error) => log.push(`failed ${error.message}`),
  };
  return { log, listener, carried };
}

async function pair(suite: Suite = Suite.aes256gcm) {
  const clock = new StepClock();
  const net = new MemoryNet({ clock });
  const make = (n: number): MemoryPlane =>
    new MemoryPlane(
      {
        deviceName: 'evio%d',
        nodeId: idOf(n),
        mac: macOf(n),
        ip: 0x0a90_0000 + n,
        prefix: 16,
        mtu: 1350,
        port: 7000 + n,
      },
      { net, host: `192.0.2.${n}` },
    );
  const a = make(1);
  const b = make(2);
  const ra = recorder();
  const rb = recorder();
  await a.start(ra.listener);
  await b.start(rb.listener);
  a.addPeer(5, idOf(2), { mac: macOf(2), ip: 0x0a90_0002, bridge: false });
  b.addPeer(6, idOf(1), { mac: macOf(1), ip: 0x0a90_0001, bridge: false });
  const k1 = new Uint8Array(32).fill(1);
  const k2 = new Uint8Array(32).fill(2);
  a.addKey(5, { localIndex: 100, remoteIndex: 200, suite, sendKey: k1, receiveKey: k2 });
  b.addKey(6, { localIndex: 200, remoteIndex: 100, suite, sendKey: k2, receiveKey: k1 });
  const got: Uint8Array[] = [];
  b.onFrame = (frame) => got.push(frame);
  const toB: Path = { kind: 'direct', endpoint: { host: '192.0.2.2', port: 7002 } };
  return { clock, net, a, b, ra, rb, got, toB };
}

describe('MemoryPlane', () => {
  const stops: (() => Promise<void>)[] = [];
  afterEach(async () => {
    for (const stop of stops.splice(0)) await stop();
  });

  it.each([Suite.aes256gcm, Suite.chacha20poly1305])(
    'holds a frame, asks for the peer, and sends it under suite %d',
    async (suite) => {
      const t = await pair(suite);
      stops.push(() => t.a.stop());
      const frame = frameOf(macOf(2), macOf(1), 7);
      t.a.transmit(frame);
      t.a.transmit(frame);
      t.clock.run(10);
      expect(t.ra.log).toEqual(['wanted 5']);
      t.a.useKey(5, 100);
      t.a.setPath(5, t.toB);
      t.clock.run(10);
      expect(t.got).toEqual([frame, frame]);
      expect(t.rb.log).toEqual(['confirmed 6 200', 'roamed 6 192.0.2.1:7001']);
      expect(t.b.peerCounters(6)).toMatchObject({ rxFrames: 2, rxDirect: 2, rxBytes: 120 });
    },
  );

  it('carries control messages and keepalives, and lets no replay in', async () => {
    const t = await pair();
    t.a.sendControl(5, Uint8Array.of(1, 2), t.toB);
    expect(t.a.deviceCounters().drops['no-session']).toBe(1);
    t.a.useKey(5, 100);
    const seen: Uint8Array[] = [];
    t.net.route = (from, to, bytes) => {
      seen.push(bytes);
      return { from, to };
    };
    t.a.sendControl(5, Uint8Array.of(1, 2), t.toB);
    t.a.sendControl(5, new Uint8Array(0), t.toB);
    t.clock.run(5);
    expect(t.rb.log.filter((l) => l.startsWith('control'))).toEqual(['control 6 1.2 direct']);
    const attacker = t.net.open('203.0.113.9', 0, () => undefined);
    attacker.send(seen[0] as Uint8Array, t.b.endpoint);
    t.clock.run(5);
    expect(t.b.deviceCounters().drops.replayed).toBe(1);
  });

  it('goes by a relay and by a carrier', async () => {
    const t = await pair();
    t.a.useKey(5, 100);
    const relay = t.net.open('198.51.100.1', 3478, (bytes, from) => {
      expect(bytes[0]).toBe(0x58);
      expect(from).toEqual({ host: '192.0.2.1', port: 7001 });
      bytes[0] = 0x59;
      bytes.set(idOf(1), 8);
      relay.send(bytes, t.b.endpoint);
    });
    t.a.setRelay(0, { endpoint: relay.endpoint, association: 77 });
    t.a.setPath(5, { kind: 'relay', relay: 0, destination: idOf(2) });
    const frame = frameOf(macOf(2), macOf(1), 9);
    t.a.transmit(frame);
    t.clock.run(5);
    expect(t.b.deviceCounters().drops['unknown-type']).toBe(1);
    t.b.setRelay(3, { endpoint: relay.endpoint, association: 78 });
    t.a.transmit(frame);
    t.clock.run(5);
    expect(t.got).toEqual([frame]);
    expect(t.b.peerCounters(6).rxRelayed).toBe(1);
    t.a.setPath(5, { kind: 'carrier', carrier: 2, destination: idOf(2) });
    t.a.transmit(frame);
    t.clock.run(5);
    const [carrier, destination, batch] = t.ra.carried[0] as [number, Uint8Array, Uint8Array];
    expect([carrier, destination]).toEqual([2, idOf(2)]);
    t.b.carried(4, idOf(1), batch);
    t.clock.run(5);
    expect(t.got.length).toBe(2);
  });

  it('refuses a foreign source MAC and another member’s address', async () => {
    const t = await pair();
    t.a.useKey(5, 100);
    t.a.setPath(5, t.toB);
    t.a.transmit(frameOf(macOf(2), macOf(9), 1));
    t.clock.run(5);
    expect(t.b.deviceCounters().drops['guard-mac']).toBe(1);
    expect(t.got).toEqual([]);
  });
});

describe('MemoryPlane among others', () => {
  const nodeMac = (n: number): Uint8Array => macOfId(idOf(n));

  /** Nodes 1 ... n; links have keys and paths, `behind` pairs have keys and an overlay path. Slot of node k is k. */
  async function members(
    n: number,
    links: readonly (readonly [number, number])[],
    behind: readonly (readonly [number, number])[] = [],
    leaves: readonly number[] = [],
  ) {
    const clock = new StepClock();
    const net = new MemoryNet({ clock });
    const all = Array.from({ length: n }, (_, i) => i + 1);
    const nodes = all.map((k) => {
      const plane = new MemoryPlane(
        {
          deviceName: 'evio%d',
          nodeId: idOf(k),
          mac: nodeMac(k),
          ip: 0x0a90_0000 + k,
          prefix: 16,
          mtu: 1350,
          port: 7000 + k,
          leaf: leaves.includes(k),
        },
        { net, host: `192.0.2.${k}` },
      );
      const got: Uint8Array[] = [];
      plane.onFrame = (frame) => got.push(frame);
      return { k, plane, got, ...recorder(), links: [] as PlaneLink[] };
    });
    type Node = (typeof nodes)[number];
    const at = (k: number): Node => nodes[k - 1] as Node;
    for (const { plane, listener } of nodes) await plane.start(listener);
    const meet = (a: number, b: number, path: Path): void => {
      const { plane } = at(a);
      plane.addPeer(b, idOf(b), { mac: nodeMac(b), ip: 0x0a90_0000 + b, bridge: false });
      plane.addKey(b, {
        localIndex: a * 100 + b,
        remoteIndex: b * 100 + a,
        suite: Suite.aes256gcm,
        sendKey: new Uint8Array(32).fill(a * 16 + b),
        receiveKey: new Uint8Array(32).fill(b * 16 + a),
      });
      plane.useKey(b, a * 100 + b);
      plane.setPath(b, path);
    };
    for (const [x, y] of links) {
      for (const [a, b] of [
        [x, y],
        [y, x],
      ] as const) {
        meet(a, b, { kind: 'direct', endpoint: at(b).plane.endpoint });
        const leaf = leaves.includes(b);
        at(a).links.push({ slot: b, forwards: !leaf, flood: leaf ? 'copy' : 'range', neighbours: [] });
      }
    }
    for (const [x, y] of behind) {
      meet(x, y, { kind: 'overlay', destination: idOf(y) });
      meet(y, x, { kind: 'overlay', destination: idOf(x) });
    }
    for (const node of nodes) node.plane.setLinks(node.links, true);
    return { clock, net, at, nodes };
  }

  it('passes on what it cannot read', async () => {
    const t = await members(
      3,
      [
        [1, 2],
        [2, 3],
      ],
      [[1, 3]],
    );
    const [a, h, b] = [t.at(1), t.at(2), t.at(3)];
    const seen: Uint8Array[] = [];
    h.plane.onTransit = (inner, via) => seen.push(Uint8Array.of(via, ...inner));
    const frame = frameOf(nodeMac(3), nodeMac(1), 0xa7);
    a.plane.transmit(frame);
    a.plane.sendControl(3, Uint8Array.of(5));
    a.plane.sendPacket(Uint8Array.of(0x51, 9), { kind: 'overlay', destination: idOf(3), via: 2 });
    t.clock.run(10);
    expect(b.got).toEqual([frame]);
    expect(b.log.filter((l) => !l.startsWith('confirmed') && !l.startsWith('roamed'))).toEqual([
      'control 1 5 overlay',
      'packet 81 overlay',
    ]);
    expect(seen.map((bytes) => [bytes[0], bytes[1]])).toEqual([
      [1, 0x50],
      [1, 0x50],
      [1, 0x51],
    ]);
    for (const bytes of seen) expect(Buffer.from(bytes).includes(Buffer.alloc(12, 0xa7))).toBe(false);
    expect(h.got).toEqual([]);
    expect(h.plane.deviceCounters().transitPackets).toBe(3);
    expect(b.plane.peerCounters(1)).toMatchObject({ rxRelayed: 1, rxDirect: 0, lastRxDirectMs: 0 });
    expect(b.plane.peerCounters(2)).toMatchObject({ rxTransit: 3, rxDirect: 3 });
  });

  it('floods to everybody once, leaves included', async () => {
    const t = await members(
      6,
      [
        [1, 2],
        [2, 3],
        [3, 4],
        [4, 5],
        [5, 1],
        [2, 4],
        [3, 6],
      ],
      [],
      [6],
    );
    const everybody = new Uint8Array(6).fill(255);
    for (const origin of t.nodes) {
      const frame = frameOf(everybody, nodeMac(origin.k), origin.k);
      origin.plane.transmit(frame);
      t.clock.run(20);
      for (const node of t.nodes) expect(node.got.splice(0)).toEqual(node === origin ? [] : [frame]);
    }
    for (const node of t.nodes) expect(node.plane.deviceCounters().drops['flood-duplicate']).toBe(0);
  });

  it('asks for unknown addresses, and floods after a second', async () => {
    const t = await members(3, [[1, 2]]);
    const a = t.at(1);
    a.plane.setLinks(a.links, false);
    const frame = frameOf(nodeMac(3), nodeMac(1), 3);
    a.plane.transmit(frame);
    t.clock.run(500);
    expect(a.log).toEqual([`unknown ${nodeMac(3).join(':')}`]);
    a.plane.addPeer(3, idOf(3), { mac: nodeMac(3), ip: 0x0a90_0003, bridge: false });
    t.clock.run(1_000);
    expect([a.log.at(-1), t.at(2).got]).toEqual(['wanted 3', []]);
    a.plane.transmit(frameOf(nodeMac(9), nodeMac(1), 4));
    t.clock.run(1_100);
    expect(t.at(2).got.map((got) => got[20])).toEqual([4]);
  });

  it('holds frames until there are links', async () => {
    const t = await members(
      3,
      [
        [1, 2],
        [2, 3],
      ],
      [[1, 3]],
    );
    const a = t.at(1);
    a.plane.setLinks([], true);
    a.plane.transmit(frameOf(nodeMac(3), nodeMac(1), 3));
    t.clock.run(10);
    expect([a.log.at(-1), t.at(3).got.length]).toEqual(['wanted 3', 0]);
    a.plane.setLinks(a.links, true);
    t.clock.run(10);
    expect(t.at(3).got.length).toBe(1);
  });
});
