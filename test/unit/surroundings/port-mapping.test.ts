import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { PortMapping } from '../../../src/core/surroundings/port-mapping.js';
import type { WayOut } from '../../../src/core/surroundings/ways-out.js';
import { parseMapAnswer } from '../../../src/core/wire/port-mapping.js';

const way: WayOut = { device: 2, name: 'eth0', gateway: '192.168.1.1', source: '192.168.1.7', pinned: false };

function rig(secret = new Uint8Array(32).fill(7)) {
  const sent: Uint8Array[] = [];
  const told: unknown[] = [];
  const opened: string[] = [];
  const heard: string[] = [];
  const served = { by: false };
  const mapping = new PortMapping({
    secret,
    open: (gateway, source) => opened.push(`${gateway} from ${source}`),
    send: (question) => sent.push(question),
    close: () => opened.push('closed'),
    silent: (now, gateway, own) => heard.push(`${now} ${gateway} ${own.port}`),
    spoke: () => heard.push('spoke'),
    served: () => served.by,
    changed: (endpoint) => told.push(endpoint),
  });
  /** An answer by PCP to what was sent last. */
  const pcp = (
    port: number,
    seconds: number,
    change: (bytes: Uint8Array) => void = () => undefined,
  ): Uint8Array => {
    const bytes = new Uint8Array(sent.at(-1) as Uint8Array);
    const view = new DataView(bytes.buffer);
    bytes[1] = 0x81;
    bytes[2] = bytes[3] = 0;
    view.setUint32(4, seconds);
    view.setUint16(42, port);
    bytes.fill(0, 44, 54);
    bytes.set([0xff, 0xff, 203, 0, 113, 9], 54);
    change(bytes);
    return bytes;
  };
  return { mapping, sent, told, opened, heard, served, pcp };
}

/** The nonce of what was sent last. */
const nonceIn = (sent: readonly Uint8Array[]): Uint8Array => (sent.at(-1) as Uint8Array).slice(24, 36);

describe('a port of the router', () => {
  it('is renewed and given back by the process after; another port, gateway or node has another nonce', () => {
    const before = rig();
    before.mapping.moved(0, way, 4_242);
    before.mapping.receive(10, before.pcp(5_000, 300));
    // The process before is gone without a word.
    const after = rig();
    after.mapping.moved(20, way, 4_242);
    expect(nonceIn(after.sent)).toEqual(nonceIn(before.sent));
    after.mapping.receive(30, after.pcp(5_000, 300));
    after.mapping.stop();
    expect(nonceIn(after.sent)).toEqual(nonceIn(before.sent));
    const others = [
      [rig(), way, 4_243],
      [rig(), { ...way, gateway: '192.168.1.2' }, 4_242],
      [rig(), { ...way, source: '192.168.1.8' }, 4_242],
      [rig(new Uint8Array(32).fill(8)), way, 4_242],
    ] as const;
    const nonces = others.map(([{ mapping, sent }, out, port]) => {
      mapping.moved(0, out, port);
      return Buffer.from(nonceIn(sent)).toString('hex');
    });
    expect(new Set([...nonces, Buffer.from(nonceIn(before.sent)).toString('hex')]).size).toBe(5);
  });

  it('is asked of the default gateway by PCP, renewed at half of its life, and given back', () => {
    const { mapping, sent, told, opened, pcp } = rig();
    mapping.moved(0, way, 4_242);
    expect(opened).toEqual(['192.168.1.1 from 192.168.1.7']);
    expect(Buffer.from(sent[0] as Uint8Array).toString('hex')).toBe(
      `02010000${'0000012c'}${'00'.repeat(10)}ffffc0a80107${Buffer.from(nonceIn(sent)).toString('hex')}110000001092${'1092'}${'00'.repeat(10)}ffff00000000`,
    );
    mapping.receive(10, pcp(5_000, 300));
    expect(mapping.endpoint).toEqual({ host: '203.0.113.9', port: 5_000 });
    expect(mapping.dueAt).toBe(150_010);
    mapping.tick(150_010);
    mapping.receive(150_020, pcp(5_000, 300));
    expect(told).toHaveLength(1);
    mapping.stop();
    expect(new DataView((sent.at(-1) as Uint8Array).buffer).getUint32(4)).toBe(0);
    expect([told.at(-1), opened.at(-1), mapping.dueAt]).toEqual([undefined, 'closed', Infinity]);
  });

  it('ends when it is not renewed, and is asked for again later', () => {
    const { mapping, told, sent, pcp } = rig();
    mapping.moved(0, way, 4_242);
    // More than was asked for is not believed.
    mapping.receive(10, pcp(5_000, 4_000_000_000));
    for (let now = 10; now <= 300_000; now += 10) mapping.tick(now);
    expect(mapping.endpoint).toBeDefined();
    mapping.tick(300_010);
    expect(told).toEqual([{ host: '203.0.113.9', port: 5_000 }, undefined]);
    const asked = sent.length;
    for (let now = 300_010; now < 1_200_000; now += 100) mapping.tick(now);
    expect(sent.length - asked).toBeGreaterThan(0);
    expect(sent.length - asked).toBeLessThanOrEqual(3 * 13);
  });

  it('is there again soon after a router that took minutes to start', () => {
    const { mapping, told, pcp } = rig();
    mapping.moved(0, way, 4_242);
    mapping.receive(10, pcp(5_000, 300));
    // Silent when it is to be renewed, until after its end.
    for (let now = 10; now < 320_000; now += 50) mapping.tick(now);
    expect(told.at(-1)).toBeUndefined();
    let since = 320_000;
    for (; mapping.endpoint === undefined && since < 1_000_000; since += 50) {
      const due = mapping.dueAt <= since;
      mapping.tick(since);
      if (due) mapping.receive(since, pcp(5_001, 300));
    }
    expect(since - 320_000).toBeLessThan(130_000);
  });

  it('is asked for at once when it is in doubt, and not again within five seconds', () => {
    const { mapping, sent, told, pcp } = rig();
    mapping.moved(0, way, 4_242);
    mapping.receive(10, pcp(5_000, 300));
    mapping.doubt(60_000);
    expect(sent).toHaveLength(2);
    mapping.receive(60_010, pcp(5_002, 300));
    expect(told.at(-1)).toEqual({ host: '203.0.113.9', port: 5_002 });
    for (let now = 60_020; now < 90_000; now += 50) {
      mapping.doubt(now);
      mapping.tick(now);
      if (sent.length === 3 && now < 65_000) throw new Error(`asked at ${now}`);
    }
    // Unanswered, the question is repeated, and then left for half a minute.
    expect(sent).toHaveLength(2 + 5 + 5);
    mapping.stop();
    mapping.doubt(100_000);
    expect([sent.length, mapping.dueAt]).toEqual([13, Infinity]);
  });

  it('is asked for where a peer does not come by it, and then not again for half a minute', () => {
    const { mapping, sent, pcp } = rig();
    mapping.moved(0, way, 4_242);
    mapping.receive(10, pcp(5_000, 300));
    mapping.missed(29_000);
    expect(sent).toHaveLength(1);
    mapping.missed(31_000);
    expect(sent).toHaveLength(2);
    mapping.receive(31_010, pcp(5_000, 300));
    for (let now = 31_050; now < 90_000; now += 50) {
      mapping.missed(now);
      mapping.tick(now);
      if (sent.length === 3 && now < 61_000) throw new Error(`asked at ${now}`);
    }
    expect(sent).toHaveLength(2 + 5);
  });

  it('is asked for by NAT-PMP where the router knows no more', () => {
    const { mapping, sent } = rig();
    mapping.moved(0, way, 4_242);
    mapping.receive(5, Uint8Array.of(0, 128, 0, 1, 0, 0, 0, 0));
    expect(sent.slice(1).map((bytes) => Buffer.from(bytes).toString('hex'))).toEqual([
      '0000',
      '00010000109210920000012c',
    ]);
    mapping.receive(10, Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 203, 0, 113, 9));
    expect(mapping.endpoint).toBeUndefined();
    mapping.receive(11, Uint8Array.of(0, 129, 0, 0, 0, 0, 0, 1, 0x10, 0x92, 0x13, 0x88, 0, 0, 0, 120));
    expect(mapping.endpoint).toEqual({ host: '203.0.113.9', port: 5_000 });
    mapping.stop();
    expect(Buffer.from(sent.at(-1) as Uint8Array).toString('hex')).toBe('000100001092000000000000');
  });

  it('is another one once for each answer that grants it, however many addresses the router names by NAT-PMP', () => {
    const { mapping, told } = rig();
    const granted = Uint8Array.of(0, 129, 0, 0, 0, 0, 0, 1, 0x10, 0x92, 0x13, 0x88, 0, 0, 0, 120);
    const address = (last: number): Uint8Array => Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 203, 0, 113, last);
    mapping.moved(0, way, 4_242);
    mapping.receive(5, Uint8Array.of(0, 128, 0, 1, 0, 0, 0, 0));
    mapping.receive(6, address(9));
    mapping.receive(7, granted);
    mapping.tick(60_007);
    for (let i = 0; i < 200; i++) mapping.receive(60_008, address(i));
    mapping.receive(60_009, granted);
    expect(told).toEqual([9, 199].map((last) => ({ host: `203.0.113.${last}`, port: 5_000 })));
  });

  it('is not asked for without a NAT, nor again and again of a router that refuses or is silent', () => {
    const { mapping, sent, opened, heard, served, pcp } = rig();
    mapping.moved(0, { ...way, source: '198.51.100.7' }, 4_242);
    mapping.moved(0, { ...way, gateway: '' }, 4_242);
    mapping.moved(0, null, 4_242);
    expect([sent, opened]).toEqual([[], []]);
    mapping.moved(0, way, 4_242);
    for (let now = 0; now < 800_000; now += 50) mapping.tick(now);
    // At first after half a minute: the router may only be starting.
    expect(sent.filter((bytes) => bytes[0] === 2)).toHaveLength(25);
    expect(sent.filter((bytes) => bytes[0] === 0)).toHaveLength(40);
    expect(heard).toEqual([750, 38_500].map((at) => `${at} 192.168.1.1 4242`).concat(heard.slice(2)));
    for (let now = 800_000; now < 10_000_000; now += 50) mapping.tick(now);
    expect(sent).toHaveLength(13 * (5 + 10));
    served.by = true;
    sent.length = heard.length = 0;
    mapping.moved(10_000_000, way, 4_242);
    for (let now = 10_000_000; now < 10_800_000; now += 50) mapping.tick(now);
    expect([sent.length, heard.length]).toEqual([13, 1]);
    mapping.moved(10_800_000, way, 4_242);
    mapping.receive(
      10_800_001,
      pcp(1, 1, (bytes) => (bytes[3] = 2)),
    );
    expect(mapping.dueAt).toBeGreaterThan(10_830_000);
    expect([sent.length, heard.at(-1)]).toEqual([14, 'spoke']);
  });

  it('is asked for by NAT-PMP, too, where the router is silent to PCP', () => {
    const { mapping, sent, heard } = rig();
    mapping.moved(0, way, 4_242);
    mapping.tick(250);
    expect(sent.map((bytes) => bytes[0])).toEqual([2, 2, 0, 0]);
    // What grants nothing is no reason to ask no more by another protocol.
    mapping.receive(255, Uint8Array.of(0, 129, 0, 2, 0, 0, 0, 1, 0x10, 0x92, 0, 0, 0, 0, 0, 0));
    mapping.tick(750);
    expect(heard).toEqual(['750 192.168.1.1 4242']);
    mapping.receive(760, Uint8Array.of(0, 128, 0, 0, 0, 0, 0, 1, 203, 0, 113, 9));
    mapping.receive(761, Uint8Array.of(0, 129, 0, 0, 0, 0, 0, 1, 0x10, 0x92, 0x13, 0x88, 0, 0, 0, 120));
    expect([mapping.endpoint, mapping.protocol]).toEqual([{ host: '203.0.113.9', port: 5_000 }, 'nat-pmp']);
    sent.length = 0;
    mapping.tick(60_761);
    expect(sent.map((bytes) => bytes[0])).toEqual([0, 0]);
  });

  it('is not what somebody says who did not see the question, and never an address that may not be probed', () => {
    const { mapping, told, pcp } = rig();
    mapping.moved(0, way, 4_242);
    mapping.receive(
      1,
      pcp(5_000, 300, (bytes) => (bytes[24] = 8)),
    );
    mapping.receive(
      1,
      pcp(5_000, 300, (bytes) => (bytes[41] = 8)),
    );
    mapping.receive(
      1,
      pcp(5_000, 300, (bytes) => bytes.set([127, 0, 0, 1], 56)),
    );
    expect(told).toEqual([]);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        parseMapAnswer(bytes, 4_242, new Uint8Array(12));
      }),
    );
  });
});
