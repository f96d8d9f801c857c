import { afterEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/lib/env.js';
import type { PlaneListener, Path } from '../../../src/core/dataplane/plane.js';
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
