/**
 * What a policy asks of a frame: its protocol, its ports, and whether it is a fragment. Reads headers to their end, IPv6
 * extension headers too (`upperLayer` of wire/ip.ts, the guard's walker), and says when it cannot. One reusable record.
 */
import {
  EtherType,
  ethernetHeaderLength,
  etherTypeBefore,
  firstEtherType,
  isTag,
  lanOf,
  payloadOffset,
} from '../wire/ethernet.js';
import { ipv4HeaderLength, ipv6HeaderLength, Protocol, Upper, upperLayer } from '../wire/ip.js';

/** Bytes of a header that must be there: TCP to its flags, UDP to its ports, ICMP whole. */
const tcpNeeded = 14;
const udpNeeded = 4;
const icmpNeeded = 8;

export const Piece = { whole: 0, first: 1, later: 2 } as const;
export type Piece = (typeof Piece)[keyof typeof Piece];

export class Dissection {
  /** IPv4 or IPv6; else `type` says what. */
  ip = false;
  v6 = false;
  /** EtherType, 0 for a frame with a length in its place. */
  type = 0;
  lan = 0;
  protocol = 0;
  piece: Piece = Piece.whole;
  /** Identification of a fragment. */
  identification = 0;
  /** Of TCP and UDP; for ICMP the type and the identifier of an echo, else 0. Not of later fragments. */
  sourcePort = 0;
  destinationPort = 0;
  tcpFlags = 0;
  icmpType = 0;
  /** Where the source address lies, from the beginning of the view; the destination follows it. */
  addresses = 0;
  /** Offset in the frame behind what was read: a checksum that is yet to be written must lie behind it. */
  examined = 0;

  /** Reads the frame at `at` of `length` bytes. False when it goes on where this does not follow. */
  read(view: DataView, at: number, length: number): boolean {
    const payload = payloadOffset(view, at, length);
    if (payload === 0) return false;
    const type = etherTypeBefore(view, at, payload);
    this.lan = payload === ethernetHeaderLength ? 0 : lanOf(view, at, payload);
    this.examined = payload;
    this.piece = Piece.whole;
    this.ip = type === EtherType.ipv4 || type === EtherType.ipv6;
    if (type === EtherType.ipv4) return this.#ipv4(view, at, payload, length);
    if (type === EtherType.ipv6) return this.#ipv6(view, at, payload, length);
    this.type = type < firstEtherType ? 0 : type;
    return !isTag(type);
  }

  #ipv4(view: DataView, at: number, payload: number, length: number): boolean {
    const ip = at + payload;
    if (length < payload + ipv4HeaderLength) return false;
    const first = view.getUint8(ip);
    const header = (first & 0x0f) * 4;
    const total = view.getUint16(ip + 2);
    if (first >> 4 !== 4 || header < ipv4HeaderLength || total < header || payload + total > length)
      return false;
    this.v6 = false;
    this.addresses = ip + 12;
    this.protocol = view.getUint8(ip + 9);
    this.examined = payload + header;
    const fragment = view.getUint16(ip + 6);
    if ((fragment & 0x3fff) === 0) return this.#upper(view, at, ip + header, ip + total);
    this.identification = view.getUint16(ip + 4);
    if ((fragment & 0x1fff) === 0) {
      this.piece = Piece.first;
      return this.#upper(view, at, ip + header, ip + total);
    }
    this.piece = Piece.later;
    // It would lie over the flags (RFC 3128).
    return this.protocol !== Protocol.tcp || (fragment & 0x1fff) !== 1;
  }

  #ipv6(view: DataView, at: number, payload: number, length: number): boolean {
    const ip = at + payload;
    if (length < payload + ipv6HeaderLength || view.getUint8(ip) >> 4 !== 6) return false;
    const end = ip + ipv6HeaderLength + view.getUint16(ip + 4);
    if (end > at + length) return false;
    this.v6 = true;
    this.addresses = ip + 8;
    const found = upperLayer(view, ip, end);
    if (found < 0) return false;
    this.protocol = found & 0xff;
    const upper = ip + (found >> 11);
    this.examined = upper - at;
    if ((found & Upper.fragment) === 0) return this.#upper(view, at, upper, end);
    // Its header is the last that was walked, or further in front.
    this.identification = fragmentIdentification(view, ip, end);
    this.piece = (found & Upper.later) === 0 ? Piece.first : Piece.later;
    return this.piece === Piece.later || this.#upper(view, at, upper, end);
  }

  /** Ports or ICMP type of the header at `upper` of a packet that ends before `end`. */
  #upper(view: DataView, at: number, upper: number, end: number): boolean {
    this.sourcePort = this.destinationPort = this.tcpFlags = this.icmpType = 0;
    const { protocol } = this;
    const room = end - upper;
    if (protocol === Protocol.tcp || protocol === Protocol.udp) {
      const needed = protocol === Protocol.tcp ? tcpNeeded : udpNeeded;
      if (room < needed) return false;
      this.sourcePort = view.getUint16(upper);
      this.destinationPort = view.getUint16(upper + 2);
      if (protocol === Protocol.tcp) this.tcpFlags = view.getUint8(upper + 13);
      this.examined = upper + needed - at;
    } else if (protocol === Protocol.icmp || protocol === Protocol.icmpv6) {
      if (room < icmpNeeded) return false;
      this.icmpType = view.getUint8(upper);
      this.sourcePort = view.getUint16(upper + 4);
      this.examined = upper + 2 - at;
    }
    return true;
  }
}

const fragmentHeader = 44;

/** Of a packet with a Fragment header, which `upperLayer` has walked: all headers before it are whole. */
function fragmentIdentification(view: DataView, ip: number, end: number): number {
  let next = view.getUint8(ip + 6);
  let at = ip + ipv6HeaderLength;
  while (next !== fragmentHeader && at + 8 <= end) {
    next = view.getUint8(at);
    at += (view.getUint8(at + 1) + 1) * 8;
  }
  return at + 8 <= end ? view.getInt32(at + 4) : 0;
}
