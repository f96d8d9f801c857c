/** Whatever arrives by UDP: nothing throws, nothing is forwarded that was not bound, and the table stays a map. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PacketType } from '../../src/core/wire/packet.js';
import { encodeBind } from '../../src/core/wire/relay.js';
import { CounterBlock, relayDrops, totalsOf } from '../../src/rendezvous/counters.js';
import { ForwardCore, Verdict } from '../../src/rendezvous/forward/forward-core.js';
import { ForwardTable, type Association } from '../../src/rendezvous/forward/forward-table.js';

/** On a machine where others are busy, fewer runs in the same time. */
const timely = { interruptAfterTimeLimit: 10_000 };
const testMs = 60_000;

const limits = { nodeMbps: Infinity, networkMbps: Infinity };
const addressLength = 18;
const key = new Uint8Array(32).fill(3);
const observed = new Uint8Array(16).fill(9);
const idOf = (n: number): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, i) => (n * 31 + i * (n & 3)) & 0xff);

function makeCore() {
  const table = new ForwardTable(addressLength, 12345, limits);
  const counters = new CounterBlock();
  const bound: number[] = [];
  const core = new ForwardCore(
    table,
    counters,
    {
      endpointOf: () => ({ host: '192.0.2.1', port: 9 }),
      bound: (slot) => bound.push(slot),
    },
    54321,
    1,
  );
  return { table, counters, core, bound };
}

function handle(core: ForwardCore, bytes: Uint8Array, from: Uint8Array, nowMs = 1_000): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return core.handle(bytes, view, 0, bytes.length, from, 0, nowMs);
}

describe('ForwardCore', () => {
  it(
    'survives any datagram, and answers with no more than it got',
    () => {
      const { table, core, counters } = makeCore();
      table.add({ index: 0x1_0000, key, network: 0, nodeId: idOf(1), observed });
      table.add({ index: 0x2_0001, key, network: 0, nodeId: idOf(2), observed });
      const first = fc.constantFrom(0x00, 0x01, 0x50, 0x58, 0x59, 0x5a, 0x5b, 0x5c, 0x80);
      const index = fc.constantFrom(0x1_0000, 0x2_0001, 0, 0xffff_ffff);
      let seen = 0;
      fc.assert(
        fc.property(first, index, fc.uint8Array({ maxLength: 200 }), (type, association, body) => {
          const packet = new Uint8Array(8 + body.length);
          packet[0] = type;
          packet[1] = 1;
          new DataView(packet.buffer).setUint32(4, association, true);
          packet.set(body, 8);
          const before = totalsOf([counters]);
          const verdict = handle(core, packet, new Uint8Array(addressLength));
          seen++;
          expect(verdict).toBeLessThan(0);
          if (verdict === Verdict.reply) expect(core.answer.length).toBeLessThanOrEqual(packet.length);
          const after = totalsOf([counters]);
          const dropped = relayDrops.reduce((sum, drop) => sum + after.drops[drop] - before.drops[drop], 0);
          expect(dropped + (after.stun - before.stun)).toBe(1);
        }),
        { numRuns: 2_000, ...timely },
      );
      expect(seen).toBeGreaterThan(100);
    },
    testMs,
  );

  it(
    'forwards only from the bound address, only within a network, and rewrites only the header',
    () => {
      fc.assert(
        fc.property(
          fc.uint8Array({ minLength: 1, maxLength: 1400 }),
          fc.boolean(),
          fc.boolean(),
          fc.uint8Array({ minLength: addressLength, maxLength: addressLength }),
          (body, sameNetwork, sameAddress, from) => {
            const { table, core, bound } = makeCore();
            table.add({ index: 0x1_0000, key, network: 0, nodeId: idOf(1), observed });
            table.add({ index: 0x2_0001, key, network: sameNetwork ? 0 : 1, nodeId: idOf(2), observed });
            expect(handle(core, encodeBind(0x1_0000, 1, key), from)).toBe(Verdict.reply);
            expect(handle(core, encodeBind(0x2_0001, 1, key), from)).toBe(Verdict.reply);
            expect(bound).toEqual([0, 1]);
            const packet = new Uint8Array(24 + body.length);
            packet[0] = PacketType.relaySend;
            new DataView(packet.buffer).setUint32(4, 0x1_0000, true);
            packet.set(idOf(2), 8);
            packet.set(body, 24);
            const source = from.slice();
            if (!sameAddress) source[17] = (source[17] as number) ^ 1;
            const verdict = handle(core, packet, source);
            if (!sameAddress || !sameNetwork) expect(verdict).toBeLessThan(0);
            else {
              expect(verdict).toBe(1);
              expect(packet.subarray(0, 8)).toEqual(
                Uint8Array.of(PacketType.relayDeliver, 0, 0, 0, 0, 0, 0, 0),
              );
              expect(packet.subarray(8, 24)).toEqual(idOf(1));
            }
            expect(packet.subarray(24)).toEqual(body);
          },
        ),
        { numRuns: 300, ...timely },
      );
    },
    testMs,
  );

  it(
    'treats packets alike with and without the short cut',
    () => {
      const table = fc.array(
        fc.record({ to: fc.integer({ min: 2, max: 4 }), size: fc.integer({ min: 1, max: 60 }) }),
        {
          minLength: 1,
          maxLength: 20,
        },
      );
      fc.assert(
        fc.property(table, (packets) => {
          const run = (shortCut: boolean) => {
            const { table, core, counters } = makeCore();
            const from = new Uint8Array(addressLength).fill(5);
            for (const n of [1, 2, 3]) {
              table.add({ index: n, key, network: 0, nodeId: idOf(n), observed });
              handle(core, encodeBind(n, 1, key), from);
            }
            core.forget();
            const out = packets.map(({ to, size }) => {
              const packet = new Uint8Array(24 + size).fill(size);
              packet.fill(0, 1, 8);
              packet[0] = PacketType.relaySend;
              packet[4] = 1;
              packet.set(idOf(to), 8);
              const view = new DataView(packet.buffer);
              const again = shortCut && core.again(view, 0, packet.length, 1_000);
              return { verdict: again ? core.lastTarget : handle(core, packet, from), packet };
            });
            return { out, totals: totalsOf([counters]) };
          };
          expect(run(true)).toEqual(run(false));
        }),
        { numRuns: 300, ...timely },
      );
    },
    testMs,
  );
});

describe('ForwardTable', () => {
  it('finds what a map would, after any adds and removes, and after another table took over its memory', () => {
    const step = fc.record({
      add: fc.boolean(),
      slot: fc.integer({ min: 0, max: 40 }),
      generation: fc.integer({ min: 0, max: 3 }),
      network: fc.integer({ min: 0, max: 2 }),
      node: fc.integer({ min: 0, max: 30 }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), fc.integer(), (steps, seed) => {
        let table = new ForwardTable(addressLength, seed, limits);
        const model = new Map<number, Association>();
        for (const { add, slot, generation, network, node } of steps) {
          const index = generation * 0x1_0000 + slot;
          if (!add) {
            table.remove(index);
            model.delete(index);
            continue;
          }
          const association = { index, key, network, nodeId: idOf(node), observed };
          for (const [other, known] of model) {
            const sameNode =
              known.network === network && Buffer.compare(known.nodeId, association.nodeId) === 0;
            if (sameNode || (other & 0xffff) === slot) model.delete(other);
          }
          model.set(index, association);
          table.add(association);
        }
        for (let again = 0; again < 2; again++) {
          for (let node = 0; node <= 30; node++) {
            for (let network = 0; network <= 2; network++) {
              const id = idOf(node);
              const wanted = [...model.values()].find(
                (known) => known.network === network && Buffer.compare(known.nodeId, id) === 0,
              );
              const found = table.member(network, new DataView(id.buffer), 0);
              expect(found < 0 ? undefined : table.index[found]).toBe(wanted?.index);
            }
          }
          table = new ForwardTable(addressLength, seed ^ 0x5555, limits, table.memory);
        }
      }),
      { numRuns: 30 },
    );
  });
});
