/** A node that registers anew, as one does after `evio upgrade`: what goes by UDP goes on, both ways. */
import { describe, expect, it } from 'vitest';
import { CounterBlock } from '../../../src/rendezvous/counters.js';
import { ForwardCore, Verdict } from '../../../src/rendezvous/forward/forward-core.js';
import { ForwardTable, tableBytes } from '../../../src/rendezvous/forward/forward-table.js';
import { PacketType, relayHeaderLength } from '../../../src/core/wire/packet.js';

const seed = 7;
const limits = { nodeMbps: 1_000, networkMbps: 1_000 };
const here = new Uint8Array(16).fill(1);
const elsewhere = new Uint8Array(16).fill(2);
const idOf = (byte: number): Uint8Array => new Uint8Array(16).fill(byte);
const [anna, ben] = [idOf(0xa), idOf(0xb)];
/** sockaddr_in of a port. */
const from = (port: number): Uint8Array =>
  Uint8Array.of(2, 0, port >> 8, port & 0xff, 192, 0, 2, 1, ...new Uint8Array(8));

function relay(memory = new ArrayBuffer(tableBytes)) {
  const table = new ForwardTable(16, seed, limits, memory);
  const core = new ForwardCore(
    table,
    new CounterBlock(),
    { endpointOf: () => ({ host: '192.0.2.1', port: 1 }), bound: () => undefined },
    seed,
    0,
  );
  const add = (index: number, nodeId: Uint8Array, observed = here): number =>
    table.add({ index, key: new Uint8Array(32), network: 1, nodeId, observed });
  /** What becomes of a packet from this port under this association. */
  const send = (association: number, to: Uint8Array, port: number): number => {
    const packet = new Uint8Array(relayHeaderLength + 8);
    const view = new DataView(packet.buffer);
    packet[0] = PacketType.relaySend;
    view.setUint32(4, association, true);
    packet.set(to, 8);
    return core.handle(packet, view, 0, packet.length, from(port), 0, 1_000);
  };
  return { table, add, send };
}

describe('a node that registers again', () => {
  /** Anna and Ben are bound; then Anna has another association. */
  function again(observed = here) {
    const { table, add, send } = relay();
    table.bind(add(0x1_0001, anna), from(1001), 0, 900);
    table.bind(add(0x1_0002, ben), from(1002), 0, 900);
    return { table, add, send, slot: add(0x1_0003, anna, observed) };
  }

  it('is reached where it was, before it has bound anything', () => {
    const { send, slot } = again();
    expect(send(0x1_0002, anna, 1002)).toBe(slot);
  });

  it('is heard by the association of before, and not from another address', () => {
    const { table, send } = again();
    expect(send(0x1_0001, ben, 1001)).toBe(table.find(0x1_0002));
    expect(send(0x1_0001, ben, 1009)).not.toBe(table.find(0x1_0002));
  });

  it('is reached by its new association when the one of before is gone', () => {
    const { table, send, slot } = again();
    table.remove(0x1_0001);
    expect(table.find(0x1_0001)).toBe(-1);
    expect(send(0x1_0002, anna, 1002)).toBe(slot);
  });

  it('from another host begins anew', () => {
    const { table, send } = again(elsewhere);
    expect(table.find(0x1_0001)).toBe(-1);
    expect(send(0x1_0002, anna, 1002)).toBe(Verdict.up);
  });

  it('is known to a thread that takes the place of one that crashed', () => {
    const memory = new ArrayBuffer(tableBytes);
    const { table, add } = relay(memory);
    table.bind(add(0x1_0001, anna), from(1001), 0, 900);
    table.bind(add(0x1_0002, ben), from(1002), 0, 900);
    const slot = add(0x1_0003, anna);
    const next = relay(memory);
    expect(next.send(0x1_0002, anna, 1002)).toBe(slot);
    expect(next.send(0x1_0001, ben, 1001)).toBe(next.table.find(0x1_0002));
  });
});
