import { describe, expect, it } from 'vitest';
import { Whose, type CaptureMember } from '../../../src/capture/whose.js';

const own = '02ffffffff01';
const router = '0011223344ff';

function member(n: number): CaptureMember {
  return {
    id: `id${n}`,
    name: `m${n}`,
    mac: `02:00:00:00:00:0${n}`,
    ip: Uint8Array.of(10, 144, 0, n),
    ip6: Uint8Array.of(0xfd, ...Array<number>(14).fill(0), n),
  };
}
const whose = new Whose([member(1), member(2)]);
const mac = (n: number): string => `02000000000${n}`;
const ip = (n: number): string => `0a90000${n}`;
const ip6 = (n: number): string => `fd${'00'.repeat(14)}0${n}`;
const all = 'ffffffffffff';

const ipv4 = (from: string, to: string): string => `08004500001c0000400040010000${from}${to}0800000000000000`;
const ipv6 = (from: string, to: string, payload: string): string =>
  `86dd60000000${(payload.length / 2).toString(16).padStart(4, '0')}3aff${from}${to}${payload}`;
const arp = (from: string, to: string): string => `08060001080006040001${own}${from}000000000000${to}`;
const asks = (target: string): string => `8700000000000000${target}`;
const group = `ff02${'00'.repeat(9)}01ff000002`;

describe('whose a frame is', () => {
  it.each([
    ['to the MAC of a member', true, mac(1) + own + ipv4(ip(9), ip(9)), 'id1'],
    ['to a subnet behind a member: its router', true, mac(2) + own + ipv4(ip(9), 'c0a80001'), 'id2'],
    ['from the MAC of a member', false, own + mac(2) + ipv4(ip(9), ip(9)), 'id2'],
    ['a broadcast of a member, whatever it asks for', false, all + mac(2) + arp(ip(2), ip(1)), 'id2'],
    ['our ARP request for a member', true, all + own + arp(ip(9), ip(2)), 'id2'],
    ['our ARP request for a stranger', true, all + own + arp(ip(9), ip(8)), undefined],
    ['our neighbour solicitation', true, `3333ff000002${own}${ipv6(ip6(9), group, asks(ip6(2)))}`, 'id2'],
    ['with an address and a MAC of nobody', false, own + router + ipv4(ip(1), ip(9)), 'id1'],
    ['by IPv6, with a MAC of nobody', false, own + router + ipv6(ip6(1), ip6(9), ''), 'id1'],
    ['of a machine behind a bridge', false, own + router + ipv4(ip(7), ip(9)), undefined],
    ['with a tag', true, `${all}${own}81000005${arp(ip(9), ip(2))}`, 'id2'],
    ['with the two ends exchanged', false, mac(1) + own + ipv4(ip(1), ip(9)), 'id1'],
    ['our own broadcast', true, all + own + ipv4(ip(9), '0a90ffff'), undefined],
  ] as const)('%s', (_, isOutbound, hex, id) => {
    const frame = Buffer.from(`abcd${hex}`, 'hex');
    const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
    expect(whose.of(view, 2, frame.length - 2, isOutbound)?.id).toBe(id);
    // However short it is cut, nothing behind its end is looked at.
    for (let length = 0; length < frame.length - 2; length++) {
      const cut = Buffer.from(frame.subarray(2, 2 + length));
      whose.of(new DataView(cut.buffer, cut.byteOffset, cut.length), 0, length, isOutbound);
    }
  });

  it('gives an address that two have to the first', () => {
    const twice = new Whose([member(1), { ...member(1), id: 'later' }]);
    const frame = Buffer.from(mac(1) + own + '9999', 'hex');
    expect(twice.of(new DataView(frame.buffer, frame.byteOffset, frame.length), 0, 14, true)?.id).toBe('id1');
  });
});
