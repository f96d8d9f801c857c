/**
 * Answers an IP packet that is too long for the network: ICMP "fragmentation needed" (RFC 792, RFC 1191 section 4), ICMPv6 "packet too
 * big" (RFC 4443 section 3.2). The kernel sends nothing longer than the interface carries; a machine of a bridged LAN does, and would
 * never learn why its packets do not arrive: layer 2 has no word for it. So the answer comes in the name of the destination.
 *
 * Quiet for what RFC 1122 section 3.2.2 and RFC 4443 section 2.4 (e) except: groups, later fragments, errors, senders without
 * an address. To be limited in rate by the caller.
 *
 *   | Ethernet, turned round, tags and all | IP | type, code | checksum 2 | MTU 4 (of IPv4 the lower half) | what was too long |
 */
import {
  ethernetHeaderLength,
  EtherType,
  etherTypeBefore,
  isGroup,
  macHigh,
  payloadOffset,
  vlanTagLength,
} from '../wire/ethernet.js';
import { ipv4HeaderChecksum, ipv4HeaderLength, ipv6HeaderLength, onesSum, Protocol } from '../wire/ip.js';

/** Bytes of the packet that go back: its headers, by which the sender knows the connection. */
const quoted = 128;
const icmpHeader = 8;
const unreachable = 0x0304;
const packetTooBig = 0x0200;
const echoRequest = 8;
/** The least that IPv6 may be told: RFC 8200 section 5. */
const leastMtu6 = 1_280;

/** Bytes that an answer may need. */
export const tooBigCapacity =
  ethernetHeaderLength + 2 * vlanTagLength + ipv6HeaderLength + icmpHeader + quoted;

/**
 * Writes the answer to the frame at `at` to `out` and returns its length, 0 where nobody is to be told. `u8` and `view` show the
 * same memory; the two ranges must not overlap. `mtu`: bytes of an IP packet that the network carries.
 */
export function answerTooBig(
  u8: Uint8Array,
  view: DataView,
  at: number,
  length: number,
  out: number,
  mtu: number,
): number {
  const offset = payloadOffset(view, at, length);
  if (offset === 0 || length < offset + ipv6HeaderLength + quoted) return 0;
  if (isGroup(macHigh(view, at)) || isGroup(macHigh(view, at + 6))) return 0;
  const ip = at + offset;
  const reply = out + offset;
  const type = etherTypeBefore(view, at, offset);
  const answer =
    type === EtherType.ipv4
      ? inIpv4(u8, view, ip, reply, mtu)
      : type === EtherType.ipv6
        ? inIpv6(u8, view, ip, reply, mtu)
        : 0;
  if (answer === 0) return 0;
  u8.copyWithin(out, at + 6, at + 12);
  u8.copyWithin(out + 6, at, at + 6);
  u8.copyWithin(out + 12, at + 12, ip);
  return offset + answer;
}

function inIpv4(u8: Uint8Array, view: DataView, ip: number, out: number, mtu: number): number {
  const header = (view.getUint8(ip) & 0x0f) * 4;
  if (view.getUint8(ip) >> 4 !== 4 || header < ipv4HeaderLength) return 0;
  if ((view.getUint16(ip + 6) & 0x1fff) !== 0) return 0;
  // Of ICMP, echoes are no errors.
  const kind = view.getUint8(ip + header);
  if (view.getUint8(ip + 9) === Protocol.icmp && kind !== echoRequest && kind !== 0) return 0;
  const first = view.getUint8(ip + 12);
  if (first === 0 || first === 127 || first >= 224 || view.getUint8(ip + 16) >= 224) return 0;
  const total = ipv4HeaderLength + icmpHeader + quoted;
  view.setUint16(out, 0x4500);
  view.setUint16(out + 2, total);
  view.setUint32(out + 4, 0x0000_4000);
  view.setUint16(out + 8, (64 << 8) | Protocol.icmp);
  u8.copyWithin(out + 12, ip + 16, ip + 20);
  u8.copyWithin(out + 16, ip + 12, ip + 16);
  view.setUint16(out + 10, ipv4HeaderChecksum(view, out, ipv4HeaderLength));
  const icmp = out + ipv4HeaderLength;
  view.setUint32(icmp, unreachable << 16);
  view.setUint32(icmp + 4, Math.min(mtu, 0xffff));
  u8.copyWithin(icmp + icmpHeader, ip, ip + quoted);
  view.setUint16(icmp + 2, ~onesSum(view, icmp, icmpHeader + quoted) & 0xffff);
  return total;
}

function inIpv6(u8: Uint8Array, view: DataView, ip: number, out: number, mtu: number): number {
  if (view.getUint8(ip) >> 4 !== 6) return 0;
  // Types below 128 are errors.
  if (view.getUint8(ip + 6) === Protocol.icmpv6 && view.getUint8(ip + ipv6HeaderLength) < 128) return 0;
  const source = view.getUint8(ip + 8);
  if (source === 0 || source === 0xff || view.getUint8(ip + 24) === 0xff) return 0;
  const body = icmpHeader + quoted;
  view.setUint32(out, 0x6000_0000);
  view.setUint16(out + 4, body);
  view.setUint16(out + 6, (Protocol.icmpv6 << 8) | 64);
  u8.copyWithin(out + 8, ip + 24, ip + 40);
  u8.copyWithin(out + 24, ip + 8, ip + 24);
  const icmp = out + ipv6HeaderLength;
  view.setUint32(icmp, packetTooBig << 16);
  view.setUint32(icmp + 4, Math.max(mtu, leastMtu6));
  u8.copyWithin(icmp + icmpHeader, ip, ip + quoted);
  const sum = onesSum(view, icmp, body, onesSum(view, out + 8, 32, Protocol.icmpv6 + body));
  view.setUint16(icmp + 2, ~sum & 0xffff);
  return ipv6HeaderLength + body;
}
