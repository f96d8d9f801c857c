import { describe, expect, it } from 'vitest';
import { canPunch, fieldNatMix, natKinds, Underlay, type Place } from '../../../src/sim/net.js';
import { SeededRandom } from '../../../src/sim/random.js';
import { Relay } from '../../../src/sim/relay.js';
import { asRead, ringLength } from '../../../src/sim/size.js';
import { encodeRing, maxListed, parseRing, type RingMessage } from '../../../src/core/wire/ring.js';

const id = (n: number): string => n.toString(16).padStart(32, '0');
const ids = (count: number, from = 1): string[] => Array.from({ length: count }, (_, i) => id(from + i));

describe('sizes', () => {
  const table = (a: number, b: number, c: number): RingMessage => ({
    type: 'table',
    version: 3,
    claims: 1,
    leaf: false,
    settled: true,
    successors: ids(a),
    predecessors: ids(b, 100),
    others: ids(c, 200),
    indirect: ids(a, 900),
  });
  const messages: RingMessage[] = [
    table(0, 0, 0),
    table(3, 3, 20),
    table(3, 3, maxListed),
    { type: 'beat', seen: 1, claims: 2, answer: true },
    { type: 'refuse' },
    { type: 'seek', nonce: 5, target: id(9), hops: 2, card: new Uint8Array(7) },
    { type: 'sought', nonce: 5, id: id(9), card: new Uint8Array(3) },
    { type: 'meet', id: id(4) },
    { type: 'introduce', card: new Uint8Array(40) },
    { type: 'whose', id: id(4) },
    { type: 'vouch', id: id(5), credential: new Uint8Array(40) },
  ];

  it.each(messages)('knows the length of $type without encoding it', (message) => {
    expect(ringLength(message)).toBe(encodeRing(message).length);
  });

  it.each(messages)('reads $type as it comes off the wire', (message) => {
    expect(asRead(message)).toEqual(parseRing(encodeRing(message)));
  });
});

describe('Relay', () => {
  const told: string[] = [];
  const member = (
    position: number,
  ): { id: string; position: number; hear: (id: string, on: boolean) => void } => ({
    id: `m${position}`,
    position,
    hear: (other, online) => told.push(`m${position}: ${other} ${online ? 'on' : 'off'}`),
  });
  const all = [50, 10, 40, 20, 30].map(member);
  const [m50, m10] = all as [(typeof all)[0], (typeof all)[0]];

  it('answers with the member at or after each position, across the end of the ring', () => {
    const relay = new Relay<(typeof all)[0]>();
    for (const one of all) relay.add(one);
    expect(relay.locate([11, 20, 51], m50)).toEqual(['m20', 'm10']);
    // The one who asks is no answer.
    expect(relay.locate([10], m10)).toEqual(['m20']);
    relay.remove(all[3]!);
    expect(relay.locate([11], m50)).toEqual(['m30']);
  });

  it('names neighbours to a newcomer, and tells those it named of coming and going', () => {
    const relay = new Relay<(typeof all)[0]>();
    for (const one of all.slice(0, 4)) relay.add(one);
    expect(relay.welcome(m10, new SeededRandom(1)).sort()).toEqual(['m20', 'm40', 'm50']);
    told.length = 0;
    relay.remove(m50);
    expect(told).toContain('m10: m50 off');
    relay.add(m50);
    expect(told).toContain('m10: m50 on');
  });
});

describe('Underlay', () => {
  const net = new Underlay(new SeededRandom(1), { loss: 0.1, natMix: fieldNatMix });
  const places = Array.from({ length: 3_000 }, (_, i) => net.place(new SeededRandom(i)));

  it('has round trips from 5 to 200 ms', () => {
    const trips = places.slice(1).map((place, i) => 2 * net.oneWay(place, places[i]!));
    expect(Math.min(...trips)).toBeGreaterThanOrEqual(5);
    expect(Math.max(...trips)).toBeLessThanOrEqual(200);
    const mean = trips.reduce((sum, ms) => sum + ms, 0) / trips.length;
    expect(mean).toBeGreaterThan(40);
    expect(mean).toBeLessThan(120);
  });

  it('mixes NATs as asked, and lets about two pairs of three punch', () => {
    natKinds.forEach((kind, i) => {
      const share = places.filter(({ nat }) => nat === kind).length / places.length;
      expect(Math.abs(share - (fieldNatMix[i] as number))).toBeLessThan(0.03);
    });
    const direct = places.slice(1).filter((place, i) => canPunch(place, places[i]!)).length;
    expect(direct / places.length).toBeGreaterThan(0.55);
    expect(direct / places.length).toBeLessThan(0.8);
  });

  it('punches by the rules of RFC 4787', () => {
    const at = (nat: Place['nat'], open = false): Place => ({ ...places[0]!, nat, open });
    expect(canPunch(at('public'), at('address-and-port-dependent'))).toBe(true);
    expect(canPunch(at('public'), at('udp-blocked'))).toBe(false);
    expect(canPunch(at('endpoint-independent'), at('endpoint-independent'))).toBe(true);
    expect(canPunch(at('endpoint-independent'), at('address-and-port-dependent'))).toBe(false);
    expect(canPunch(at('address-and-port-dependent'), at('endpoint-independent', true))).toBe(true);
    expect(canPunch(at('address-and-port-dependent'), at('address-and-port-dependent', true))).toBe(false);
  });

  it('loses the share that was asked for', () => {
    let lost = 0;
    for (let i = 0; i < 20_000; i++) if (net.loses()) lost++;
    expect(lost / 20_000).toBeCloseTo(0.1, 1);
  });
});
