/** A relay's process leaves and another goes on: here both in one process, so that every step can be looked at. */
import { afterEach, describe, expect, it } from 'vitest';
import { toHex } from '../../../src/core/lib/bytes.js';
import { inheritedSockets, type RelayHeritage } from '../../../src/rendezvous/move/heritage.js';
import { parseForwarding, parseRelay } from '../../../src/rendezvous/move/relay-snapshot.js';
import { rowLength, rowsOf, takeRows } from '../../../src/rendezvous/forward/table-rows.js';
import { ForwardTable, tableBytes } from '../../../src/rendezvous/forward/forward-table.js';
import { RelayServer } from '../../../src/rendezvous/server.js';
import { libc } from '../../../src/core/native/libc.js';
import { env, forwarderKinds, Kit, TestNetwork, until, type TestRelay } from './relay-kit.js';

const kit = new Kit();
afterEach(() => kit.clean());

/** What the other side of a handover would do, without the other process. */
function heritageOf(from: RelayServer, steps: string[], fails = false): RelayHeritage {
  const { fds, facts } = from.descriptors();
  const own = fds.map((fd) => libc().dup(fd));
  const dense = inheritedSockets((place) => place, facts);
  if (!dense) throw new Error('no sockets');
  const [listener, udp, pipe, ...rest] = own as [number, number, number, ...number[]];
  return {
    sockets: {
      ...dense,
      listener,
      pipe,
      socket: { ...dense.socket, fd: udp },
      alternate: dense.alternate && { ...dense.alternate, fd: rest[0] as number },
    },
    take: async () => {
      const { head, blob } = await from.freeze();
      steps.push('rests');
      const held = parseRelay(JSON.parse(JSON.stringify(head)), blob);
      if (!held) throw new Error('not readable');
      return held;
    },
    commit: async () => {
      if (fails) throw new Error('it fails here');
      const { head, blob } = await from.letGo();
      steps.push('let go');
      return parseForwarding(JSON.parse(JSON.stringify(head)), blob);
    },
    took: () => {
      steps.push('took');
    },
    fail: (thrown) => {
      throw thrown;
    },
  };
}

async function successor(relay: TestRelay, heritage: RelayHeritage): Promise<RelayServer> {
  const next = new RelayServer({
    listen: '127.0.0.1:0',
    home: relay.home,
    env,
    open: true,
    forwarder: 'worker',
  });
  kit.later(() => next.stop());
  await next.start(heritage);
  return next;
}

/** A relay with two members, both connected. */
async function relayOfTwo() {
  const relay = await kit.relay({ forwarder: 'worker' });
  const network = new TestNetwork([relay.fact]);
  const [a, b] = [network.node(1), network.node(2)];
  const first = kit.client(a, relay.fact);
  const second = kit.client(b, relay.fact);
  await first.up();
  await second.up();
  return { relay, network, b, first, second };
}

describe.runIf(forwarderKinds.includes('worker'))('a relay that moves to another process', () => {
  it('keeps its members, which come over by themselves and were never away', async () => {
    const { relay, b, first, second } = await relayOfTwo();
    const steps: string[] = [];
    const next = await successor(relay, heritageOf(relay.server, steps));
    expect(steps).toEqual(['rests', 'let go', 'took']);
    expect(next.clients).toBe(2);
    // By the connections that the process before keeps.
    const batch = Uint8Array.of(3, 0, 1, 2, 3);
    first.client.sendData(b.id, batch);
    await until(() => second.received.length === 1);
    expect(toHex(second.received[0]?.batch as Uint8Array)).toBe(toHex(batch));
    await until(() => first.ups.length === 2 && second.ups.length === 2, 10_000);
    await relay.server.passedOn;
    await until(() => next.clients === 2);
    expect([...first.downs, ...second.downs]).toEqual([]);
    expect(first.presence.filter(({ online }) => !online)).toEqual([]);
    first.client.sendData(b.id, batch);
    await until(() => second.received.length === 2);
  });

  it('moves again, though members were gone whom UDP still served', async () => {
    const { relay, first, second } = await relayOfTwo();
    second.client.stop();
    await until(() => relay.server.clients === 1);
    const next = await successor(relay, heritageOf(relay.server, []));
    await until(() => first.ups.length === 2, 10_000);
    await relay.server.passedOn;
    await successor(relay, heritageOf(next, []));
    await until(() => first.ups.length === 3, 10_000);
    await next.passedOn;
  });

  it('goes on as before where the other one fails, with what came meanwhile', async () => {
    const { relay, network, b, first, second } = await relayOfTwo();
    const heritage = heritageOf(relay.server, [], true);
    const meanwhile: RelayHeritage = {
      ...heritage,
      take: async () => {
        const held = await heritage.take();
        first.client.sendData(b.id, Uint8Array.of(1, 0, 9));
        return held;
      },
    };
    await expect(successor(relay, meanwhile)).rejects.toThrow('it fails here');
    relay.server.thaw();
    await until(() => second.received.length === 1);
    const third = kit.client(network.node(3), relay.fact);
    await third.up();
    expect([...first.downs, ...second.downs]).toEqual([]);
  });
});

describe('what a relay leaves', () => {
  it('is a table whose rows are taken whole, or not at all', () => {
    const limits = { nodeMbps: 1, networkMbps: 1 };
    const table = new ForwardTable(16, 1, limits, new ArrayBuffer(tableBytes));
    const association = (slot: number) => ({
      index: 0x1234_0000 + slot,
      key: new Uint8Array(32).fill(slot),
      network: 7,
      nodeId: new Uint8Array(16).fill(slot),
      observed: new Uint8Array(16).fill(slot),
    });
    for (const slot of [1, 2, 3]) table.add(association(slot));
    table.bind(2, new Uint8Array(16).fill(9), 0, 1_000);
    table.counter[2] = 77;
    const rows = rowsOf(table.memory);
    const memory = new ArrayBuffer(tableBytes);
    const taken = takeRows(memory, rows, (index) => (index === 0x1234_0003 ? undefined : 5));
    expect(taken.map(({ association: { index }, udpAt }) => [index & 0xffff, udpAt])).toEqual([
      [1, 0],
      [2, 1_000],
    ]);
    const other = new ForwardTable(16, 99, limits, memory);
    expect(other.find(0x1234_0002)).toBe(2);
    expect(other.find(0x1234_0003)).toBe(-1);
    expect([other.counter[2], other.network[2]]).toEqual([77, 5]);
    expect(other.member(5, new DataView(new Uint8Array(16).fill(2).buffer), 0)).toBe(2);
    expect(() => takeRows(memory, rows.subarray(0, rowLength - 1), () => 5)).toThrow(RangeError);
  });

  it.each([[{}], [null], [{ guests: [{ connection: -1 }] }]])('is refused where it is none: %j', (head) => {
    expect(parseRelay(head, new Uint8Array(8))).toBeUndefined();
    expect(parseForwarding(head, new Uint8Array(8))).toBeUndefined();
  });

  it('is refused where a reference leads out of its bytes', () => {
    const totals = { packets: {}, bytes: {}, drops: {}, stun: 0, binds: 0, hints: 0 };
    const head = { rows: [0, rowLength], rowLength, totals };
    expect(parseForwarding(head, new Uint8Array(rowLength))).toMatchObject({
      totals: { drops: { malformed: 0 } },
    });
    expect(parseForwarding(head, new Uint8Array(rowLength - 1))).toBeUndefined();
    expect(parseForwarding({ ...head, rowLength: 7 }, new Uint8Array(rowLength))).toBeUndefined();
  });
});
