/** Carriers of two kinds side by side: the WebSocket of a real relay, and one in memory that is no relay. */
import { afterEach, describe, expect, it } from 'vitest';
import { Carriers, type Carrier } from '../../../src/core/carriers/carrier.js';
import type { Path } from '../../../src/core/dataplane/plane/plane.js';
import { toHex } from '../../../src/core/lib/bytes.js';
import { batchOf } from '../../../src/core/wire/relay.js';
import { Kit, TestNetwork, until } from '../rendezvous/relay-kit.js';
import { relaySetOf } from '../relays/relay-set-rig.js';

const kit = new Kit();
afterEach(() => kit.clean());

/** What the data plane was given. */
class PlaneLog {
  readonly batches: { carrier: number; source: string; batch: Uint8Array }[] = [];
  readonly sent: { bytes: Uint8Array; path: Path }[] = [];
  carried(carrier: number, source: Uint8Array, batch: Uint8Array): void {
    this.batches.push({ carrier, source: toHex(source), batch });
  }
  sendPacket(bytes: Uint8Array, path: Path): void {
    this.sent.push({ bytes, path });
  }
  relayHeardMs(): number {
    return 0;
  }

  now(): number {
    return 0;
  }

  setRelay(): void {
    // Binds go unanswered, so no relay gets a route.
  }
}

class MemoryCarrier implements Carrier {
  readonly kind = 'memory';
  readonly sent: { destination: string; batch: Uint8Array }[] = [];
  readonly heardOf: string[] = [];
  send(destination: Uint8Array, batch: Uint8Array): void {
    this.sent.push({ destination: toHex(destination), batch });
  }
  heard(idText: string): boolean {
    this.heardOf.push(idText);
    return false;
  }
}

const id = (fill: number): Uint8Array => new Uint8Array(16).fill(fill);
const packet = Uint8Array.of(0x51, 1, 2, 3);

describe('carriers', () => {
  it('leave a lone packet to the data plane where it has the holes for it', () => {
    const plane = new PlaneLog();
    const carriers = new Carriers(plane);
    const [carrier, other] = [new MemoryCarrier(), new MemoryCarrier()];
    const path = (one: Carrier): Path => ({
      kind: 'carrier',
      carrier: carriers.add(one),
      destination: id(7),
    });
    const hole = path(Object.assign(carrier, { holes: true as const }));
    carriers.sendPacket(packet, hole);
    carriers.sendPacket(packet, path(other));
    expect(plane.sent).toEqual([{ bytes: packet, path: hole }]);
    expect([carrier.sent.length, other.sent.length]).toEqual([0, 1]);
  });

  it('gives no id twice, and drops what is for one that went', () => {
    const plane = new PlaneLog();
    const carriers = new Carriers(plane);
    const first = new MemoryCarrier();
    const gone = carriers.add(first);
    carriers.remove(gone);
    const second = new MemoryCarrier();
    const next = carriers.add(second);
    expect(next).not.toBe(gone);
    carriers.carry(gone, id(1), batchOf(packet));
    carriers.arrived(gone, id(1), batchOf(packet));
    expect(carriers.heard(gone, '01'.repeat(16))).toBe(false);
    expect([first.sent, first.heardOf, second.sent, second.heardOf, plane.batches]).toEqual([
      [],
      [],
      [],
      [],
      [],
    ]);
  });

  it('passes on only whole batches from a node id', () => {
    const plane = new PlaneLog();
    const carriers = new Carriers(plane);
    const carrier = carriers.add(new MemoryCarrier());
    carriers.arrived(carrier, id(1).subarray(1), batchOf(packet));
    carriers.arrived(carrier, id(1), batchOf(packet).subarray(0, 4));
    expect(plane.batches).toEqual([]);
    carriers.arrived(carrier, id(1), batchOf(packet));
    expect(plane.batches).toHaveLength(1);
  });

  it('sends a lone packet by the carrier that its path names, and by the plane otherwise', () => {
    const plane = new PlaneLog();
    const carriers = new Carriers(plane);
    const [one, two] = [new MemoryCarrier(), new MemoryCarrier()];
    carriers.add(one);
    const second = carriers.add(two);
    carriers.sendPacket(packet, { kind: 'carrier', carrier: second, destination: id(7) });
    expect(one.sent).toEqual([]);
    expect(two.sent).toEqual([{ destination: '07'.repeat(16), batch: batchOf(packet) }]);
    const relayed: Path = { kind: 'relay', relay: 0, destination: id(7) };
    carriers.sendPacket(packet, relayed);
    expect(plane.sent).toEqual([{ bytes: packet, path: relayed }]);
  });
});

describe('a relay and a carrier that is no relay', () => {
  async function stage() {
    const relay = await kit.relay();
    const network = new TestNetwork([relay.fact]);
    const other = await kit.client(network.node(1), relay.fact).up();
    const plane = new PlaneLog();
    const carriers = new Carriers(plane);
    // First, so that its id is the index of the relay.
    const memory = new MemoryCarrier();
    const memoryId = carriers.add(memory);
    const node = network.node(2);
    const set = relaySetOf({ node, relays: [relay.fact], plane, carriers });
    set.start();
    kit.later(() => set.stop());
    await until(() => set.anyUp);
    const [choice] = set.choices(other.node.id, other.node.idText);
    if (choice?.path.kind !== 'carrier') throw new Error('no way by the WebSocket');
    return { other, plane, carriers, memory, memoryId, node, set, path: choice.path };
  }

  it('each carries its own batches', async () => {
    const { other, plane, carriers, memory, memoryId, node, path } = await stage();
    expect(path.carrier).not.toBe(memoryId);
    carriers.carry(path.carrier, path.destination, batchOf(packet));
    await until(() => other.received.length === 1);
    expect(toHex(other.received[0]?.source ?? id(0))).toBe(node.idText);
    expect(memory.sent).toEqual([]);
    carriers.carry(memoryId, id(9), batchOf(packet));
    expect(memory.sent).toHaveLength(1);

    other.client.sendData(node.id, batchOf(packet));
    await until(() => plane.batches.length === 1);
    carriers.arrived(memoryId, id(9), batchOf(packet));
    expect(plane.batches.map(({ carrier, source }) => [carrier, source])).toEqual([
      [path.carrier, other.node.idText],
      [memoryId, '09'.repeat(16)],
    ]);
    expect(other.received).toHaveLength(1);
  });

  it('who is heard by the relay is online there, who is heard by the other carrier is not', async () => {
    const { carriers, memory, memoryId, set, path } = await stage();
    const [here, there] = ['0a'.repeat(16), '0b'.repeat(16)];
    expect(carriers.heard(memoryId, there)).toBe(false);
    expect(memory.heardOf).toEqual([there]);
    expect(set.isOnline(there)).toBe(false);
    expect(set.choices(id(11), there)).toEqual([]);
    expect(carriers.heard(path.carrier, here)).toBe(true);
    expect(carriers.heard(path.carrier, here)).toBe(false);
    expect(set.isOnline(here)).toBe(true);
    expect(set.choices(id(10), here)).toHaveLength(1);
  });

  it('a relay that was stopped carries no more', async () => {
    const { other, carriers, set, plane, path } = await stage();
    set.stop();
    carriers.carry(path.carrier, path.destination, batchOf(packet));
    carriers.arrived(path.carrier, other.node.id, batchOf(packet));
    expect(carriers.heard(path.carrier, '0a'.repeat(16))).toBe(false);
    expect([other.received, plane.batches]).toEqual([[], []]);
  });
});
