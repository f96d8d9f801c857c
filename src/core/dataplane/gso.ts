/**
 * Cuts a TCP super-frame of the kernel into frames of the interface's MTU, in place: the headers of each frame are
 * written over the tail of the payload before it, which must have been sealed by then.
 *
 *   | headers | payload 0 | payload 1 | payload 2 |        super-frame
 *   [ frame 0            ]
 *             [ headers' | payload 1 ]                      headers' lies where payload 0 ended
 *                         [ headers' | payload 2 ]
 *
 * Fields change as tcp_gso_segment() and inet_gso_segment() of Linux change them: lengths, the IPv4 id, the sequence
 * number, FIN and PSH only on the last frame, CWR only on the first. The TCP checksum stays partial and is adjusted
 * to the length.
 */
import type { Arena } from '../native/arena.js';
import { EtherType, etherTypeBefore, payloadOffset } from '../wire/ethernet.js';
import {
  adjustSum,
  ipv4HeaderChecksum,
  locateTransport,
  Protocol,
  tcpChecksumOffset,
  TcpFlag,
} from '../wire/ip.js';

/** Ethernet with two tags, the longest IPv4 header or an IPv6 header with extensions, the longest TCP header. */
export const maxHeaders = 512;

export class GsoCutter {
  /** Where the current frame begins, and its length. */
  at = 0;
  length = 0;
  readonly #arena: Arena;
  readonly #headers: number;
  #frame = 0;
  #ip = 0;
  #tcp = 0;
  #headerLength = 0;
  #v6 = false;
  #ipHeader = 0;
  #ipSum = 0;
  #payload = 0;
  #segment = 0;
  #offset = 0;
  #count = 0;
  #id = 0;
  #sequence = 0;
  #flags = 0;
  #sum = 0;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.#headers = arena.alloc(maxHeaders);
  }

  /** Bytes of the largest frame that will come out. */
  get largest(): number {
    return this.#headerLength + this.#segment;
  }

  /** Takes the TCP super-frame of `length` bytes at `frame`; false when it is none. */
  begin(frame: number, length: number, segment: number): boolean {
    const { view, u8 } = this.#arena;
    const found = locateTransport(view, frame, length);
    if ((found & 0xff) !== Protocol.tcp || segment === 0) return false;
    this.#tcp = found >> 8;
    this.#ip = payloadOffset(view, frame, length);
    this.#v6 = etherTypeBefore(view, frame, this.#ip) === EtherType.ipv6;
    this.#ipHeader = this.#tcp - this.#ip;
    this.#headerLength = this.#tcp + (view.getUint8(frame + this.#tcp + 12) >> 4) * 4;
    if (this.#headerLength > length || this.#headerLength > maxHeaders) return false;
    this.#frame = frame;
    this.#payload = length - this.#headerLength;
    this.#segment = segment;
    this.#offset = 0;
    this.#count = 0;
    this.#id = this.#v6 ? 0 : view.getUint16(frame + this.#ip + 4);
    this.#sequence = view.getInt32(frame + this.#tcp + 4);
    this.#flags = view.getUint8(frame + this.#tcp + 13);
    if (!this.#v6) {
      const ip = frame + this.#ip;
      // The header's sum without total length and id, which each frame puts in.
      const sum = ~ipv4HeaderChecksum(view, ip, this.#ipHeader) & 0xffff;
      this.#ipSum = adjustSum(sum, view.getUint16(ip + 2) + this.#id, 0);
    }
    // Without its length: each frame puts its own in.
    this.#sum = adjustSum(view.getUint16(frame + this.#tcp + tcpChecksumOffset), length - this.#tcp, 0);
    u8.copyWithin(this.#headers, frame, frame + this.#headerLength);
    return true;
  }

  /** Prepares the next frame, `at` and `length`; false when there is none left. The one before it is overwritten. */
  next(): boolean {
    const offset = this.#offset;
    if (offset >= this.#payload && this.#count > 0) return false;
    const { view, u8 } = this.#arena;
    const rest = this.#payload - offset;
    const size = rest < this.#segment ? rest : this.#segment;
    const at = this.#frame + offset;
    if (this.#count > 0) u8.copyWithin(at, this.#headers, this.#headers + this.#headerLength);
    const ip = at + this.#ip;
    const tcp = at + this.#tcp;
    const tcpLength = this.#headerLength - this.#tcp + size;
    if (this.#v6) {
      view.setUint16(ip + 4, this.#ipHeader - 40 + tcpLength);
    } else {
      view.setUint16(ip + 2, this.#ipHeader + tcpLength);
      const id = (this.#id + this.#count) & 0xffff;
      view.setUint16(ip + 4, id);
      let sum = this.#ipSum + this.#ipHeader + tcpLength + id;
      sum = (sum & 0xffff) + (sum >>> 16);
      sum = (sum & 0xffff) + (sum >>> 16);
      view.setUint16(ip + 10, ~sum & 0xffff);
    }
    view.setInt32(tcp + 4, (this.#sequence + offset) | 0);
    let flags = this.#flags;
    if (size < rest) flags &= ~(TcpFlag.fin | TcpFlag.psh);
    if (this.#count > 0) flags &= ~TcpFlag.cwr;
    u8[tcp + 13] = flags;
    const sum = this.#sum + tcpLength;
    view.setUint16(tcp + tcpChecksumOffset, sum > 0xffff ? sum - 0xffff : sum);
    this.at = at;
    this.length = this.#headerLength + size;
    this.#offset = offset + size;
    this.#count++;
    return true;
  }
}
