/**
 * IPv4, IPv6, TCP and UDP headers in place (RFC 791, 8200, 9293, 768): constants, and helpers on (view, offset)
 * that allocate nothing and read only inside the length they are given.
 */
import { EtherType, etherTypeBefore, payloadOffset } from './ethernet.js';

export const Protocol = { icmp: 1, tcp: 6, udp: 17, icmpv6: 58 } as const;

export const ipv4HeaderLength = 20;
export const ipv6HeaderLength = 40;
export const tcpHeaderLength = 20;
export const udpHeaderLength = 8;

/** Offset of the checksum inside the TCP and UDP headers. */
export const tcpChecksumOffset = 16;
export const udpChecksumOffset = 6;

export const TcpFlag = {
  fin: 0x01,
  syn: 0x02,
  rst: 0x04,
  psh: 0x08,
  ack: 0x10,
  urg: 0x20,
  ece: 0x40,
  cwr: 0x80,
} as const;

const extensionHopByHop = 0;
const extensionRouting = 43;
const extensionDestination = 60;

/** One's complement sum of 16-bit big-endian words, folded to 16 bits, not inverted. An odd last byte is padded. */
export function onesSum(view: DataView, at: number, length: number, start = 0): number {
  let sum = start;
  const even = length & ~1;
  for (let i = 0; i < even; i += 2) sum += view.getUint16(at + i);
  if (even !== length) sum += view.getUint8(at + even) << 8;
  return fold(sum);
}

/** Folds carries until 16 bits are left; takes sums below 2^47. */
export function fold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded % 0x1_0000) + Math.floor(folded / 0x1_0000);
  return folded;
}

/** Header checksum of the IPv4 header of `length` bytes, leaving out the checksum field itself. */
export function ipv4HeaderChecksum(view: DataView, at: number, length: number): number {
  let sum = 0;
  for (let i = 0; i < length; i += 2) if (i !== 10) sum += view.getUint16(at + i);
  sum = (sum & 0xffff) + (sum >>> 16);
  sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Pseudo-header sum (RFC 9293 section 3.1, RFC 8200 section 8.1), folded, not inverted: what CHECKSUM_PARTIAL holds. */
export function pseudoHeaderSum(
  view: DataView,
  ipAt: number,
  v6: boolean,
  protocol: number,
  length: number,
): number {
  return v6 ? onesSum(view, ipAt + 8, 32, protocol + length) : onesSum(view, ipAt + 12, 8, protocol + length);
}

/** Takes length `from` out of a folded sum and puts `to` in. Both below 2^17. */
export function adjustSum(sum: number, from: number, to: number): number {
  let adjusted = sum + to - from;
  while (adjusted < 0) adjusted += 0xffff;
  return fold(adjusted);
}

/**
 * Where the TCP or UDP header of a frame lies: `offset << 8 | protocol`, or 0 when the frame is nothing of the kind,
 * is a fragment, or ends before the header does. Walks the IPv6 extension headers that may precede a transport header.
 */
export function locateTransport(view: DataView, at: number, length: number): number {
  const ip = payloadOffset(view, at, length);
  if (ip === 0) return 0;
  const type = etherTypeBefore(view, at, ip);
  let offset: number;
  let protocol: number;
  if (type === EtherType.ipv4) {
    if (length < ip + ipv4HeaderLength) return 0;
    const first = view.getUint8(at + ip);
    const header = (first & 0x0f) * 4;
    if (first >> 4 !== 4 || header < ipv4HeaderLength) return 0;
    if ((view.getUint16(at + ip + 6) & 0x3fff) !== 0) return 0;
    protocol = view.getUint8(at + ip + 9);
    offset = ip + header;
  } else if (type === EtherType.ipv6) {
    if (length < ip + ipv6HeaderLength || view.getUint8(at + ip) >> 4 !== 6) return 0;
    protocol = view.getUint8(at + ip + 6);
    offset = ip + ipv6HeaderLength;
    while (
      protocol === extensionHopByHop ||
      protocol === extensionRouting ||
      protocol === extensionDestination
    ) {
      if (length < offset + 8) return 0;
      protocol = view.getUint8(at + offset);
      offset += (view.getUint8(at + offset + 1) + 1) * 8;
    }
  } else {
    return 0;
  }
  if (protocol === Protocol.tcp) return length < offset + tcpHeaderLength ? 0 : (offset << 8) | protocol;
  if (protocol === Protocol.udp) return length < offset + udpHeaderLength ? 0 : (offset << 8) | protocol;
  return 0;
}

/** Offset of the checksum field inside the transport header that `locateTransport` found. */
export function checksumFieldOffset(protocol: number): number {
  return protocol === Protocol.tcp ? tcpChecksumOffset : udpChecksumOffset;
}
