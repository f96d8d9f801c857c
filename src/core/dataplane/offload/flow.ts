/**
 * One flow of TCP or UDP that is being grown: a super-frame in a buffer of its own, and what the next segment must look
 * like.
 *
 * Two segments are joined under the conditions of tcp_gro_receive() and inet_gro_receive() of Linux: same Ethernet
 * header and tags, same addresses, type of service, hop limit, ports, acknowledgement, window and options, the next
 * sequence number; flags may differ in FIN and PSH only, which end the flow, as does a shorter segment. A segment with
 * CWR may only be the first. IPv4 options and IPv6 extension headers are never joined. Identification: counted up, or
 * anything when fragmenting is forbidden (RFC 6864).
 *
 * Datagrams of one UDP flow are joined under the same conditions but for what only TCP has (udp_gro_receive_segment()):
 * the kernel hands each to its socket as it was sent.
 */
import type { Arena } from '../../native/arena.js';
import { VirtioNetHdr } from '../../tap/device.js';
import { EtherType, etherTypeBefore, payloadOffset } from '../../wire/ethernet.js';
import {
  adjustSum,
  ipv4HeaderChecksum,
  ipv4HeaderLength,
  ipv6HeaderLength,
  Protocol,
  tcpChecksumOffset,
  TcpFlag,
  tcpHeaderLength,
  udpChecksumOffset,
  udpHeaderLength,
} from '../../wire/ip.js';
import { frameBuffer, headroom, maxDatagram } from '../loop/buffers.js';

const dontFragment = 0x4000;
/** Flags in which the segments of one flow may differ. */
const variable = TcpFlag.fin | TcpFlag.psh | TcpFlag.cwr;
/** A segment with one of these is the last. */
const ending = TcpFlag.fin | TcpFlag.psh | TcpFlag.syn | TcpFlag.rst | TcpFlag.urg;

/** UDP_MAX_SEGMENTS of Linux before 6.9. */
const maxDatagrams = 64;

export class Flow {
  /** The frame's first byte; the virtio header goes before it. */
  readonly frame: number;
  /** Who sent it: flows of different peers are never joined. */
  peer = -1;
  /** Length of headers, and of the whole frame. */
  headerLength = 0;
  length = 0;
  segments = 0;
  /** Payload of the first segment: all but the last are as long. */
  segment = 0;
  /** Nothing may be appended any more. */
  ended = false;
  readonly #view: DataView;
  readonly #u8: Uint8Array;
  #ip = 0;
  /** The TCP or UDP header. */
  #transport = 0;
  #isTcp = false;
  #v6 = false;
  /** Sequence number that comes next, signed 32 bits. */
  #next = 0;
  #id = 0;
  #flags = 0;

  constructor(arena: Arena) {
    this.#view = arena.view;
    this.#u8 = arena.u8;
    this.frame = arena.alloc(frameBuffer) + headroom;
  }

  /** Where the payload of the next segment belongs. */
  get end(): number {
    return this.frame + this.length;
  }

  /**
   * Takes the frame at `at`, `length` bytes with a partial checksum, as the first of a flow; its bytes are the caller's to
   * put to `frame`. False when it is no segment with payload that could be joined to another; then it is to be written
   * as it is.
   */
  begin(peer: number, at: number, length: number): boolean {
    const view = this.#view;
    const ip = payloadOffset(view, at, length);
    if (ip === 0) return false;
    const type = etherTypeBefore(view, at, ip);
    const v6 = type === EtherType.ipv6;
    const transport = ip + (v6 ? ipv6HeaderLength : ipv4HeaderLength);
    if ((!v6 && type !== EtherType.ipv4) || length < transport + udpHeaderLength) return false;
    let protocol: number;
    if (v6) {
      protocol = view.getUint8(at + ip + 6);
      if (view.getUint8(at + ip) >> 4 !== 6 || view.getUint16(at + ip + 4) !== length - transport)
        return false;
    } else {
      protocol = view.getUint8(at + ip + 9);
      if (view.getUint8(at + ip) !== 0x45 || view.getUint16(at + ip + 2) !== length - ip) return false;
      if ((view.getUint16(at + ip + 6) & ~dontFragment) !== 0) return false;
    }
    if (protocol === Protocol.tcp) {
      if (!this.#beginTcp(at, transport, length)) return false;
    } else {
      if (protocol !== Protocol.udp || view.getUint16(at + transport + 4) !== length - transport)
        return false;
      this.headerLength = transport + udpHeaderLength;
      if (length === this.headerLength) return false;
      this.ended = false;
    }
    this.peer = peer;
    this.length = length;
    this.segments = 1;
    this.segment = length - this.headerLength;
    this.#ip = ip;
    this.#transport = transport;
    this.#isTcp = protocol === Protocol.tcp;
    this.#v6 = v6;
    this.#id = v6 ? 0 : view.getUint16(at + ip + 4);
    return true;
  }

  #beginTcp(at: number, tcp: number, length: number): boolean {
    const view = this.#view;
    if (length < tcp + tcpHeaderLength) return false;
    const header = tcp + (view.getUint8(at + tcp + 12) >> 4) * 4;
    const flags = view.getUint8(at + tcp + 13);
    if (header < tcp + tcpHeaderLength || length <= header || (flags & TcpFlag.ack) === 0) return false;
    if ((flags & (TcpFlag.syn | TcpFlag.rst | TcpFlag.urg)) !== 0) return false;
    this.headerLength = header;
    this.ended = (flags & ending) !== 0;
    this.#flags = flags;
    this.#next = (view.getInt32(at + tcp + 4) + length - header) | 0;
    return true;
  }

  /** True when the frame at `at` may be of the same connection, so that it must not overtake this flow. */
  resembles(peer: number, at: number, ip: number, transport: number, length: number): boolean {
    if (peer !== this.peer || ip !== this.#ip || length < transport + 4) return false;
    return this.#view.getInt32(at + transport) === this.#view.getInt32(this.frame + this.#transport);
  }

  /**
   * True when the segment whose headers lie at `at` (`headerLength` bytes of them) and whose frame has `length` bytes
   * can be appended. Looks at the headers only, so it can be asked before the payload is there.
   */
  accepts(peer: number, at: number, headerLength: number, length: number): boolean {
    if (this.ended || peer !== this.peer || headerLength !== this.headerLength) return false;
    const view = this.#view;
    const own = this.frame;
    const size = length - headerLength;
    const ip = this.#ip;
    const transport = this.#transport;
    // The ports.
    if (view.getInt32(at + transport) !== view.getInt32(own + transport)) return false;
    if (size <= 0 || size > this.segment || this.length - ip + size > maxDatagram) return false;
    if (this.#isTcp) {
      if (!this.#acceptsTcp(at + transport, own + transport)) return false;
    } else if (view.getUint16(at + transport + 4) !== length - transport) return false;
    // Addresses, then tags if any, then the type.
    if (view.getInt32(at) !== view.getInt32(own) || view.getInt32(at + 4) !== view.getInt32(own + 4))
      return false;
    for (let i = 8; i < ip - 2; i += 4) if (view.getInt32(at + i) !== view.getInt32(own + i)) return false;
    if (view.getUint16(at + ip - 2) !== view.getUint16(own + ip - 2)) return false;
    return this.#v6 ? this.#acceptsIpv6(at, own, length) : this.#acceptsIpv4(at, own, length);
  }

  /** Sequence, acknowledgement, flags, window and options, of the headers at `tcp` and our own. */
  #acceptsTcp(tcp: number, own: number): boolean {
    const view = this.#view;
    if (view.getInt32(tcp + 4) !== this.#next) return false;
    if (view.getInt32(tcp + 8) !== view.getInt32(own + 8)) return false;
    const word = view.getUint16(tcp + 12);
    if (((word ^ view.getUint16(own + 12)) & ~variable) !== 0 || (word & TcpFlag.cwr) !== 0) return false;
    if (view.getUint16(tcp + 14) !== view.getUint16(own + 14)) return false;
    const length = this.headerLength - this.#transport;
    for (let i = tcpHeaderLength; i < length; i += 4) {
      if (view.getInt32(tcp + i) !== view.getInt32(own + i)) return false;
    }
    return true;
  }

  #acceptsIpv4(at: number, own: number, length: number): boolean {
    const view = this.#view;
    const ip = this.#ip;
    if (view.getUint16(at + ip) !== view.getUint16(own + ip)) return false;
    if (view.getUint16(at + ip + 2) !== length - ip) return false;
    const fragment = view.getUint16(at + ip + 6);
    if (fragment !== view.getUint16(own + ip + 6)) return false;
    if (view.getUint16(at + ip + 8) !== view.getUint16(own + ip + 8)) return false;
    if (view.getInt32(at + ip + 12) !== view.getInt32(own + ip + 12)) return false;
    if (view.getInt32(at + ip + 16) !== view.getInt32(own + ip + 16)) return false;
    return fragment === dontFragment || view.getUint16(at + ip + 4) === ((this.#id + this.segments) & 0xffff);
  }

  #acceptsIpv6(at: number, own: number, length: number): boolean {
    const view = this.#view;
    const ip = this.#ip;
    if (view.getUint16(at + ip + 4) !== length - this.#transport) return false;
    if (view.getInt32(at + ip) !== view.getInt32(own + ip)) return false;
    if (view.getUint16(at + ip + 6) !== view.getUint16(own + ip + 6)) return false;
    for (let i = ip + 8; i < ip + ipv6HeaderLength; i += 4) {
      if (view.getInt32(at + i) !== view.getInt32(own + i)) return false;
    }
    return true;
  }

  /** Appends the segment that `accepts` took: its headers lie at `at`, its payload is at `end` already. */
  append(at: number, size: number): void {
    if (size < this.segment) this.ended = true;
    if (this.#isTcp) {
      const flags = this.#view.getUint8(at + this.#transport + 13);
      this.#flags |= flags & (TcpFlag.fin | TcpFlag.psh);
      if ((flags & ending) !== 0) this.ended = true;
      this.#next = (this.#next + size) | 0;
    } else if (this.segments + 1 === maxDatagrams) {
      this.ended = true;
    }
    this.length += size;
    this.segments++;
    if (this.length - this.#ip + this.segment > maxDatagram) this.ended = true;
  }

  /** Writes the headers of the super-frame; returns where it begins, with its virtio header. */
  seal(): number {
    const view = this.#view;
    const at = this.frame;
    const start = at - VirtioNetHdr.size;
    const ip = at + this.#ip;
    const transport = at + this.#transport;
    const checksum = this.#isTcp ? tcpChecksumOffset : udpChecksumOffset;
    let type: number = VirtioNetHdr.gsoNone;
    let size = 0;
    if (this.segments > 1) {
      size = this.segment;
      if (this.#isTcp) {
        type = this.#v6 ? VirtioNetHdr.gsoTcp6 : VirtioNetHdr.gsoTcp4;
        if ((this.#flags & TcpFlag.cwr) !== 0) type |= VirtioNetHdr.gsoEcn;
        this.#u8[transport + 13] = this.#flags;
      } else {
        type = VirtioNetHdr.gsoUdpL4;
        view.setUint16(transport + 4, this.length - this.#transport);
      }
      if (this.#v6) {
        view.setUint16(ip + 4, this.length - this.#transport);
      } else {
        view.setUint16(ip + 2, this.length - this.#ip);
        view.setUint16(ip + 10, ipv4HeaderChecksum(view, ip, ipv4HeaderLength));
      }
      const first = this.headerLength - this.#transport + this.segment;
      const sum = view.getUint16(transport + checksum);
      view.setUint16(transport + checksum, adjustSum(sum, first, this.length - this.#transport));
    }
    this.#u8[start + VirtioNetHdr.flags] = VirtioNetHdr.flagNeedsChecksum;
    this.#u8[start + VirtioNetHdr.gsoType] = type;
    view.setUint16(start + VirtioNetHdr.headerLength, this.headerLength, true);
    view.setUint16(start + VirtioNetHdr.gsoSize, size, true);
    view.setUint16(start + VirtioNetHdr.checksumStart, this.#transport, true);
    view.setUint16(start + VirtioNetHdr.checksumOffset, checksum, true);
    return start;
  }
}
