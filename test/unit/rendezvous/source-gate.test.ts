/** What strangers may have the relay do by UDP, and what is left for members meanwhile. */
import { describe, expect, it } from 'vitest';
import { addressBytes, addressText } from '../../../src/core/lib/endpoint.js';
import { PacketType, relayHeaderLength } from '../../../src/core/wire/packet.js';
import { encodeBind } from '../../../src/core/wire/relay.js';
import { encodeBindingRequest } from '../../../src/core/wire/stun.js';
import { CounterBlock, totalsOf, type RelayTotals } from '../../../src/rendezvous/counters.js';
import { ForwardCore, Verdict } from '../../../src/rendezvous/forward/forward-core.js';
import { ForwardTable } from '../../../src/rendezvous/forward/forward-table.js';

const limits = { nodeMbps: Infinity, networkMbps: Infinity };
const key = new Uint8Array(32).fill(3);
const id = new Uint8Array(16).fill(1);
const transaction = new Uint8Array(12).fill(7);
const request = encodeBindingRequest(transaction, { room: true });
const bare = encodeBindingRequest(transaction, { fingerprint: false });

/** An address as node:dgram's driver has it: 16 bytes and a port. */
function at(host: string, port = 4_000): Uint8Array {
  const bytes = new Uint8Array(18);
  bytes.set(addressBytes(host) as Uint8Array);
  bytes[16] = port >> 8;
  bytes[17] = port & 0xff;
  return bytes;
}

function stage(memory?: ArrayBuffer | SharedArrayBuffer) {
  const table = new ForwardTable(18, 99, limits, memory);
  const counters = new CounterBlock();
  const driver = {
    endpointOf: (bytes: Uint8Array, o: number) => ({ host: addressText(bytes.subarray(o, o + 16)), port: 9 }),
    bound: () => undefined,
  };
  const core = new ForwardCore(table, counters, driver, 77, 1);
  const ask = (packet: Uint8Array, from: Uint8Array, nowMs: number): boolean => {
    const copy = packet.slice();
    const view = new DataView(copy.buffer);
    return core.handle(copy, view, 0, copy.length, from, 0, nowMs) === Verdict.reply;
  };
  const join = (index: number, observed: string): void => {
    table.add({ index, key, network: 0, nodeId: id, observed: addressBytes(observed) as Uint8Array });
  };
  const drops = (): RelayTotals['drops'] => totalsOf([counters]).drops;
  return { table, core, ask, join, drops };
}

/** A different address each time, of the documentation's and other nobody's networks. */
function forged(n: number): Uint8Array {
  return at(`${20 + (n % 150)}.${(n >> 3) % 256}.${(n >> 7) % 256}.${(n * 7) % 256}`, 1_024 + (n % 60_000));
}

describe('a flood of STUN from forged addresses', () => {
  it.each(['198.51.100.7', '2001:db8:1:2::9'])(
    'of 20 000 a second takes nothing from a member at %s, and little of the thread',
    (host) => {
      const { ask, join, drops } = stage();
      join(0x1_0000, host);
      let asked = 0;
      let answered = 0;
      let strangers = 0;
      for (let ms = 1; ms <= 10_000; ms++) {
        for (let i = 0; i < 20; i++) if (ask(request, forged(ms * 20 + i), ms)) strangers++;
        if (ms % 20 !== 0) continue;
        asked++;
        if (ask(request, at(host, ms), ms)) answered++;
      }
      expect([asked, answered]).toEqual([500, 500]);
      expect(strangers).toBeLessThan(10 * 2_000 + 501);
      expect(strangers).toBeGreaterThan(10_000);
      expect(drops()['strangers-limited']).toBeGreaterThan(150_000);
    },
  );

  it('of one source is stopped at that source: other strangers have their answers', () => {
    const { ask, drops } = stage();
    let loud = 0;
    let quiet = 0;
    for (let ms = 1; ms <= 5_000; ms++) {
      for (let i = 0; i < 20; i++) if (ask(request, at('203.0.113.5', ms), ms)) loud++;
      if (ms % 100 === 0 && ask(request, at('203.0.113.77'), ms)) quiet++;
    }
    expect(quiet).toBe(50);
    expect(loud).toBeLessThan(200);
    expect(drops()['source-limited']).toBeGreaterThan(90_000);
  });

  it('in the name of a member takes from that member only', () => {
    const { ask, join } = stage();
    join(0x1_0000, '198.51.100.7');
    join(0x2_0001, '198.51.100.8');
    let other = 0;
    for (let ms = 1; ms <= 2_000; ms++) {
      for (let i = 0; i < 20; i++) ask(request, at('198.51.100.7', i), ms);
      if (ms % 20 === 0 && ask(request, at('198.51.100.8'), ms)) other++;
    }
    expect(other).toBe(100);
  });
});

describe('a member', () => {
  it('is known by where its TCP comes from and where it bound, as long as it is a member', () => {
    const { table, ask, join } = stage();
    join(0x1_0000, '198.51.100.7');
    expect(ask(encodeBind(0x1_0000, 1, key), at('192.0.2.9'), 10)).toBe(true);
    expect(table.known.size).toBe(2);
    expect(ask(bare, at('192.0.2.9', 5), 10)).toBe(true);
    expect(ask(encodeBind(0x1_0000, 2, key), at('192.0.2.10'), 10)).toBe(true);
    expect(ask(bare, at('192.0.2.9', 5), 10)).toBe(false);
    // Another thread takes over.
    const heir = stage(table.memory);
    expect(heir.table.known.size).toBe(2);
    expect(heir.ask(bare, at('192.0.2.10', 5), 10)).toBe(true);
    heir.table.remove(0x1_0000);
    expect(heir.table.known.size).toBe(0);
    expect(heir.ask(bare, at('192.0.2.10', 5), 10)).toBe(false);
  });

  it('cannot be bound again by a bind that was seen before, nor its packets be sent from elsewhere', () => {
    const { table, ask, join, drops } = stage();
    join(0x1_0000, '198.51.100.7');
    const first = encodeBind(0x1_0000, 5, key);
    expect(ask(first, at('198.51.100.7'), 10)).toBe(true);
    const bound = table.addressOf(0).slice();
    for (const counter of [5, 4, 1]) {
      expect(ask(encodeBind(0x1_0000, counter, key), at('203.0.113.5'), 20)).toBe(false);
      expect(ask(first, at('203.0.113.5'), 20)).toBe(false);
    }
    expect(drops()['stale-bind']).toBe(6);
    expect(table.addressOf(0)).toEqual(bound);
    const send = new Uint8Array(relayHeaderLength + 4);
    send[0] = PacketType.relaySend;
    new DataView(send.buffer).setUint32(4, 0x1_0000, true);
    ask(send, at('203.0.113.5'), 30);
    expect(drops()['wrong-source']).toBe(1);
  });
});

describe('an address that nobody proved', () => {
  const unknownAttribute = Uint8Array.of(...bare, 0x40, 0, 0, 0);
  new DataView(unknownAttribute.buffer).setUint16(2, 4);

  it.each([
    ['STUN, bare', bare],
    ['STUN with FINGERPRINT', encodeBindingRequest(transaction)],
    ['STUN with room', request],
    ['STUN with an attribute that must be understood', unknownAttribute],
    ['a bind', encodeBind(0x1_0000, 9, key)],
    ['a bind with a wrong key', encodeBind(0x1_0000, 9, new Uint8Array(32))],
    ['a packet of a member', Uint8Array.of(PacketType.relaySend, 0, 0, 0, 0, 0, 1, 0, ...new Uint8Array(20))],
  ])('never gets more than was sent in its name: %s', (_name, packet) => {
    for (const host of ['203.0.113.5', '2001:db8::5']) {
      const { core, ask, join } = stage();
      join(0x1_0000, '198.51.100.7');
      ask(encodeBind(0x1_0000, 1, key), at('198.51.100.7'), 1);
      const answered = ask(packet, at(host), 10);
      if (answered) expect(core.answer.length).toBeLessThanOrEqual(packet.length);
      // What a request has no room for is not said at all.
      if (packet.length < 32) expect(answered && packet[0] === 0).toBe(false);
    }
  });

  it('on this machine cannot be forged from another: plain STUN is answered there', () => {
    const { ask } = stage();
    for (const host of ['127.0.0.1', '::1']) expect(ask(bare, at(host), 1)).toBe(true);
    for (const host of ['::2', '::7f00:1', '128.0.0.1', '::']) expect(ask(bare, at(host), 1)).toBe(false);
  });
});
