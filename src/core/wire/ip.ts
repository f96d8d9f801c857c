/**
 * IPv4, IPv6, TCP and UDP headers in place (RFC 791, 8200, 9293, 768): constants, and helpers on (view, offset)
 * that allocate nothing and read only inside the length they are given.
 */
import { EtherType, etherTypeBefore, payloadOffset } from './ethernet.js';

export const Protocol = { icmp: 1, igmp: 2, tcp: 6, udp: 17, icmpv6: 58, noNext: 59 } as const;

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
const extensionFragment = 44;
const extensionAuthentication = 51;
const extensionDestination = 60;
const extensionMobility = 135;
const extensionHip = 139;
const extensionShim6 = 140;
/** More extension headers than this are nobody's honest packet. */
const extensionLimit = 8;
/** Destination option that puts another address into the place of the source (RFC 6275 section 6.3). */
const optionHomeAddress = 0xc9;
const optionPad1 = 0;

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

/** What `upperLayer` says beside where the header lies. */
export const Upper = { fragment: 0x100, later: 0x200, homeAddress: 0x400 } as const;

/**
 * Walks the extension headers of the IPv6 packet at `ip` that ends before `end` (RFC 8200 section 4; the order does not
 * matter). Returns `offset << 11 | flags | protocol`: the upper-layer header's offset from `ip`, its number (one that is
 * not known counts as upper layer: no host looks behind it), and of `Upper`:
 * - `fragment`: a Fragment header came by;
 * - `later`: the packet is not a first fragment, so that what the offset points to is no header;
 * - `homeAddress`: a Home Address option came by.
 *
 * -1 when the chain ends outside the packet, has more headers than 8, two Fragment headers, or options that do not fit:
 * a chain must be whole in the first fragment (RFC 7112).
 */
export function upperLayer(view: DataView, ip: number, end: number): number {
  let next = view.getUint8(ip + 6);
  let offset = ipv6HeaderLength;
  let flags = 0;
  for (let headers = 0; isExtension(next); headers++) {
    const at = ip + offset;
    if (headers === extensionLimit || at + 8 > end) return -1;
    let size = 8;
    if (next === extensionFragment) {
      if ((flags & Upper.fragment) !== 0) return -1;
      flags |= Upper.fragment;
      if ((view.getUint16(at + 2) & 0xfff8) !== 0) flags |= Upper.later;
    } else if (next === extensionAuthentication) {
      size = (view.getUint8(at + 1) + 2) * 4;
    } else {
      size = (view.getUint8(at + 1) + 1) * 8;
    }
    if (at + size > end) return -1;
    if (next === extensionDestination) {
      const options = readOptions(view, at + 2, at + size);
      if (options < 0) return -1;
      flags |= options;
    }
    next = view.getUint8(at);
    offset += size;
    if ((flags & Upper.later) !== 0) break;
  }
  return (offset << 11) | flags | next;
}

function isExtension(next: number): boolean {
  return (
    next === extensionHopByHop ||
    next === extensionRouting ||
    next === extensionFragment ||
    next === extensionAuthentication ||
    next === extensionDestination ||
    next === extensionMobility ||
    next === extensionHip ||
    next === extensionShim6
  );
}

/** `Upper.homeAddress` when that option is among those from `at` to `end`, 0 when not, -1 when one does not fit. */
function readOptions(view: DataView, at: number, end: number): number {
  let found = 0;
  for (let option = at; option < end;) {
    const type = view.getUint8(option);
    if (type === optionPad1) {
      option++;
      continue;
    }
    if (option + 2 > end) return -1;
    option += 2 + view.getUint8(option + 1);
    if (option > end) return -1;
    if (type === optionHomeAddress) found = Upper.homeAddress;
  }
  return found;
}

/** Offset of the checksum field inside the transport header that `locateTransport` found. */
export function checksumFieldOffset(protocol: number): number {
  return protocol === Protocol.tcp ? tcpChecksumOffset : udpChecksumOffset;
}
