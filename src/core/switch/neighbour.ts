/**
 * Answers ARP requests (RFC 826) and IPv6 neighbour solicitations (RFC 4861) for members, from what their
 * certificates say, so that finding a neighbour needs no flood.
 *
 * IPv6: addresses made from a member's MAC (RFC 4291 appendix A), link-local or in the network's prefix. Duplicate address detection
 * (unspecified source) is left to the true owner. Tagged frames are another LAN and are left alone.
 */
import { EtherType, ethernetHeaderLength } from '../wire/ethernet.js';
import { ipv6HeaderLength, onesSum, Protocol } from '../wire/ip.js';
import type { MemberTable } from './members.js';

const arpLength = 28;
const arpRequest = 1;
const arpReply = 2;
const neighbourSolicitation = 135;
const neighbourAdvertisement = 136;
/** ICMPv6 header, reserved or flags, target address. */
const solicitationLength = 24;
/** The same and a target link-layer address option. */
const advertisementLength = 32;
/** fe80::/64, its upper word. */
const linkLocal = 0xfe80_0000 | 0;
const flagsSolicitedOverride = 0x6000_0000;

/** Bytes that an answer may need. */
export const answerCapacity = ethernetHeaderLength + ipv6HeaderLength + advertisementLength;

/**
 * Writes the answer to the frame at `at` to `out` and returns its length, or 0 when the frame asks for no member.
 * `u8` and `view` show the same memory; the two ranges must not overlap. `ownIp` is never answered for.
 * `prefix6`: the upper half of the members' IPv6 addresses, two signed words.
 */
export function answerNeighbour(
  u8: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  out: number,
  members: MemberTable,
  ownIp: number,
  prefix6: readonly [number, number],
): number {
  if (length < ethernetHeaderLength) return 0;
  const type = view.getUint16(at + 12);
  if (type === EtherType.arp) return answerArp(u8, view, at, length, out, members, ownIp);
  if (type === EtherType.ipv6) return answerSolicitation(u8, view, at, length, out, members, prefix6);
  return 0;
}

function answerArp(
  u8: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  out: number,
  members: MemberTable,
  ownIp: number,
): number {
  const arp = at + ethernetHeaderLength;
  if (length < ethernetHeaderLength + arpLength) return 0;
  // Ethernet and IPv4, with 6 and 4 bytes of address.
  if (view.getUint32(arp) !== 0x0001_0800 || view.getUint32(arp + 4) !== (0x0604_0000 | arpRequest)) return 0;
  const target = view.getInt32(arp + 24);
  // A gratuitous request announces its sender: everybody should hear it.
  if (target === ownIp || target === view.getInt32(arp + 14)) return 0;
  const member = members.findIp(target);
  if (member < 0) return 0;
  const high = members.high(member);
  const low = members.low(member);
  u8.copyWithin(out, at + 6, at + 12);
  putMac(view, out + 6, high, low);
  view.setUint16(out + 12, EtherType.arp);
  const reply = out + ethernetHeaderLength;
  view.setUint32(reply, 0x0001_0800);
  view.setUint32(reply + 4, 0x0604_0000 | arpReply);
  putMac(view, reply + 8, high, low);
  view.setInt32(reply + 14, target);
  u8.copyWithin(reply + 18, arp + 8, arp + 18);
  return ethernetHeaderLength + arpLength;
}

function answerSolicitation(
  u8: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  out: number,
  members: MemberTable,
  prefix6: readonly [number, number],
): number {
  const ip = at + ethernetHeaderLength;
  const icmp = ip + ipv6HeaderLength;
  if (length < ethernetHeaderLength + ipv6HeaderLength + solicitationLength) return 0;
  // Hop limit 255 proves that no router passed it on.
  if (view.getUint16(ip + 6) !== ((Protocol.icmpv6 << 8) | 255)) return 0;
  if (view.getUint16(icmp) !== neighbourSolicitation << 8) return 0;
  if (
    view.getInt32(ip + 8) === 0 &&
    view.getInt32(ip + 12) === 0 &&
    view.getInt32(ip + 16) === 0 &&
    view.getInt32(ip + 20) === 0
  ) {
    return 0;
  }
  const target = icmp + 8;
  const a = view.getInt32(target);
  const b = view.getInt32(target + 4);
  if (!(a === linkLocal && b === 0) && !(a === prefix6[0] && b === prefix6[1])) return 0;
  if (view.getUint8(target + 11) !== 0xff || view.getUint8(target + 12) !== 0xfe) return 0;
  const high = view.getUint16(target + 8) ^ 0x0200;
  const low =
    (view.getUint8(target + 10) << 24) | (view.getUint8(target + 13) << 16) | view.getUint16(target + 14);
  if (members.findMac(high, low) < 0) return 0;

  u8.copyWithin(out, at + 6, at + 12);
  putMac(view, out + 6, high, low);
  view.setUint16(out + 12, EtherType.ipv6);
  const ip2 = out + ethernetHeaderLength;
  const icmp2 = ip2 + ipv6HeaderLength;
  view.setUint32(ip2, 0x6000_0000);
  view.setUint16(ip2 + 4, advertisementLength);
  view.setUint16(ip2 + 6, (Protocol.icmpv6 << 8) | 255);
  u8.copyWithin(ip2 + 8, target, target + 16);
  u8.copyWithin(ip2 + 24, ip + 8, ip + 24);
  view.setUint32(icmp2, neighbourAdvertisement << 24);
  view.setUint32(icmp2 + 4, flagsSolicitedOverride);
  u8.copyWithin(icmp2 + 8, target, target + 16);
  view.setUint16(icmp2 + 24, 0x0201);
  putMac(view, icmp2 + 26, high, low);
  const sum = onesSum(
    view,
    icmp2,
    advertisementLength,
    onesSum(view, ip2 + 8, 32, Protocol.icmpv6 + advertisementLength),
  );
  view.setUint16(icmp2 + 2, ~sum & 0xffff);
  return answerCapacity;
}

function putMac(view: DataView, at: number, high: number, low: number): void {
  view.setUint16(at, high);
  view.setInt32(at + 2, low);
}
