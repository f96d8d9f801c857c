import { describe, expect, it } from 'vitest';
import { MemberTable } from '../../../src/core/switch/members.js';
import { answerCapacity, answerNeighbour } from '../../../src/core/switch/neighbour.js';
import { ip6Of } from '../../../src/core/identity/inner-ipv6.js';
import { arpFrame, linkLocalOf, sum16 } from '../../support/frames.js';
import { ipOf, macOf, prefix6, words6 } from '../../support/loop-rig.js';

const members = new MemberTable();
members.replace([1, 2, 3].map((n) => ({ ip: ipOf(n), mac: macOf(n) })));
const to = macOf(2);
const own = macOf(1);
const zero = new Uint8Array(6);

function icmp6(
  source: Uint8Array,
  destination: Uint8Array,
  type: number,
  target: Uint8Array,
  hopLimit = 255,
): Uint8Array {
  return Uint8Array.from([
    ...to,
    ...own,
    ...[0x86, 0xdd, 0x60, 0, 0, 0, 0, 24, 58, hopLimit],
    ...source,
    ...destination,
    ...[type, 0, 0, 0, 0, 0, 0, 0],
    ...target,
  ]);
}

const tag = (frame: Uint8Array, tci: number): Uint8Array =>
  Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, tci >> 8, tci & 255, ...frame.subarray(12)]);

describe('MemberTable', () => {
  it('finds by address and by MAC, the first of two', () => {
    const table = new MemberTable();
    const many = Array.from({ length: 3_000 }, (_, i) => ({
      ip: 0xfe00_0000 + i,
      mac: Uint8Array.of(2, 0, 0, 0, i >> 8, i & 255),
    }));
    table.replace([...many, { ip: 0xfe00_0007, mac: macOf(250) }]);
    for (let i = 0; i < 3_000; i += 7) {
      expect(table.findIp((0xfe00_0000 + i) | 0)).toBe(i);
      expect(table.findMac(0x0200, i)).toBe(i);
    }
    expect(table.findIp(0x0a00_0000)).toBe(-1);
    expect(table.findMac(0x0201, 7)).toBe(-1);
    table.replace([]);
    expect([table.findIp(0xfe00_0000 | 0), table.size]).toEqual([-1, 0]);
  });
});

describe('neighbour answers', () => {
  const out = 256;
  const u8 = new Uint8Array(512);
  const view = new DataView(u8.buffer);
  function ask(frame: Uint8Array): Uint8Array | undefined {
    u8.fill(0xee);
    u8.set(frame);
    const length = answerNeighbour(u8, view, 0, frame.length, out, members, ipOf(1) | 0, words6);
    return length === 0 ? undefined : u8.slice(out, out + length);
  }
  const everyone = new Uint8Array(6).fill(255);
  const solicited = Uint8Array.of(0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 3);

  it('answers an ARP request for a member', () => {
    expect(ask(arpFrame(everyone, own, 1, { mac: own, ip: ipOf(1) }, { mac: zero, ip: ipOf(3) }))).toEqual(
      arpFrame(own, macOf(3), 2, { mac: macOf(3), ip: ipOf(3) }, { mac: own, ip: ipOf(1) }),
    );
  });

  it.each([
    ['for itself', arpFrame(everyone, own, 1, { mac: own, ip: 0 }, { mac: zero, ip: ipOf(1) })],
    ['for a stranger', arpFrame(everyone, own, 1, { mac: own, ip: ipOf(1) }, { mac: zero, ip: ipOf(9) })],
    [
      'that is an announcement',
      arpFrame(everyone, own, 1, { mac: own, ip: ipOf(3) }, { mac: zero, ip: ipOf(3) }),
    ],
    ['that is a reply', arpFrame(everyone, own, 2, { mac: own, ip: ipOf(1) }, { mac: zero, ip: ipOf(3) })],
    ['in a VLAN', tag(arpFrame(everyone, own, 1, { mac: own, ip: ipOf(1) }, { mac: zero, ip: ipOf(3) }), 5)],
    [
      'cut off',
      arpFrame(everyone, own, 1, { mac: own, ip: ipOf(1) }, { mac: zero, ip: ipOf(3) }).subarray(0, 41),
    ],
  ])('says nothing to ARP %s', (_name, frame) => {
    expect(ask(frame)).toBeUndefined();
  });

  it.each([
    ['link-local', linkLocalOf(macOf(3)), linkLocalOf(own)],
    ['in the network', ip6Of(prefix6, macOf(3)), ip6Of(prefix6, own)],
  ])('answers a neighbour solicitation %s with a sound advertisement', (_name, target, source) => {
    const answer = ask(icmp6(source, solicited, 135, target));
    expect(answer?.length).toBe(answerCapacity);
    const reply = answer as Uint8Array;
    expect(reply.subarray(0, 14)).toEqual(Uint8Array.of(...own, ...macOf(3), 0x86, 0xdd));
    expect(reply.subarray(18, 22)).toEqual(Uint8Array.of(0, 32, 58, 255));
    expect(reply.subarray(22, 54)).toEqual(Uint8Array.of(...target, ...source));
    expect([reply[54], reply[55], reply[58]]).toEqual([136, 0, 0x60]);
    expect(reply.subarray(62)).toEqual(Uint8Array.of(...target, 2, 1, ...macOf(3)));
    expect(sum16(reply.subarray(54), sum16(reply.subarray(22, 54), 58 + 32))).toBe(0xffff);
  });

  it.each([
    ['for a stranger', icmp6(linkLocalOf(own), solicited, 135, linkLocalOf(macOf(9)))],
    ['for a stranger in the network', icmp6(linkLocalOf(own), solicited, 135, ip6Of(prefix6, macOf(9)))],
    [
      'for the end of a member’s address in another prefix',
      icmp6(linkLocalOf(own), solicited, 135, ip6Of(Uint8Array.of(0xfd, 9, 0, 0, 0, 0, 0, 0), macOf(3))),
    ],
    ['for a global address', icmp6(linkLocalOf(own), solicited, 135, new Uint8Array(16).fill(0x20))],
    ['of duplicate address detection', icmp6(new Uint8Array(16), solicited, 135, linkLocalOf(macOf(3)))],
    ['that a router passed on', icmp6(linkLocalOf(own), solicited, 135, linkLocalOf(macOf(3)), 254)],
    ['that is an advertisement', icmp6(linkLocalOf(own), solicited, 136, linkLocalOf(macOf(3)))],
    ['cut off', icmp6(linkLocalOf(own), solicited, 135, linkLocalOf(macOf(3))).subarray(0, 77)],
  ])('says nothing to a solicitation %s', (_name, frame) => {
    expect(ask(frame)).toBeUndefined();
  });
});
