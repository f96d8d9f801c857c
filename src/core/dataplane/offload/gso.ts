/**
 * Cuts a TCP or UDP super-frame of the kernel into frames of the interface's MTU, in place: the headers of each frame are
 * written over the tail of the payload before it, which must have been sealed by then.
 *
 *   | headers | payload 0 | payload 1 | payload 2 |        super-frame
 *   [ frame 0            ]
 *             [ headers' | payload 1 ]                      headers' lies where payload 0 ended
 *                         [ headers' | payload 2 ]
 *
 * Fields change as tcp_gso_segment(), __udp_gso_segment() and inet_gso_segment() of Linux change them: lengths, the IPv4
 * id; with TCP the sequence number, FIN and PSH only on the last frame, CWR only on the first. The checksum stays
 * partial and is adjusted to the length.
 */
import type { Arena } from '../../native/arena.js';
import { EtherType, etherTypeBefore, payloadOffset } from '../../wire/ethernet.js';
import {
  adjustSum,
  checksumFieldOffset,
  ipv4HeaderChecksum,
  locateTransport,
  Protocol,
  TcpFlag,
  udpHeaderLength,
} from '../../wire/ip.js';

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
  /** The TCP or UDP header, and where its checksum lies in it. */
  #transport = 0;
  #isTcp = false;
  #checksum = 0;
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

  /**
   * Makes frames of at most `longest` bytes, where it is TCP's super-frame: its segments may be of any size. To be called
   * before the first `next`.
   */
  narrow(longest: number): void {
    const room = longest - this.#headerLength;
    if (this.#isTcp && room > 0 && room < this.#segment) this.#segment = room;
  }

  /** Takes the super-frame of `length` bytes at `frame`; false when it is none. */
  begin(frame: number, length: number, segment: number): boolean {
    const { view, u8 } = this.#arena;
    const found = locateTransport(view, frame, length);
    if (found === 0 || segment === 0) return false;
    this.#isTcp = (found & 0xff) === Protocol.tcp;
    this.#checksum = checksumFieldOffset(found & 0xff);
    this.#transport = found >> 8;
    this.#ip = payloadOffset(view, frame, length);
    this.#v6 = etherTypeBefore(view, frame, this.#ip) === EtherType.ipv6;
    this.#ipHeader = this.#transport - this.#ip;
    this.#headerLength =
      this.#transport +
      (this.#isTcp ? (view.getUint8(frame + this.#transport + 12) >> 4) * 4 : udpHeaderLength);
    if (this.#headerLength > length || this.#headerLength > maxHeaders) return false;
    this.#frame = frame;
    this.#payload = length - this.#headerLength;
    this.#segment = segment;
    this.#offset = 0;
    this.#count = 0;
    this.#id = this.#v6 ? 0 : view.getUint16(frame + this.#ip + 4);
    if (this.#isTcp) {
      this.#sequence = view.getInt32(frame + this.#transport + 4);
      this.#flags = view.getUint8(frame + this.#transport + 13);
    }
    if (!this.#v6) {
      const ip = frame + this.#ip;
      // The header's sum without total length and id, which each frame puts in.
      const sum = ~ipv4HeaderChecksum(view, ip, this.#ipHeader) & 0xffff;
      this.#ipSum = adjustSum(sum, view.getUint16(ip + 2) + this.#id, 0);
    }
    // Without its length: each frame puts its own in.
    this.#sum = adjustSum(
      view.getUint16(frame + this.#transport + this.#checksum),
      length - this.#transport,
      0,
    );
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
    const transport = at + this.#transport;
    const transportLength = this.#headerLength - this.#transport + size;
    if (this.#v6) {
      view.setUint16(ip + 4, this.#ipHeader - 40 + transportLength);
    } else {
      view.setUint16(ip + 2, this.#ipHeader + transportLength);
      const id = (this.#id + this.#count) & 0xffff;
      view.setUint16(ip + 4, id);
      let sum = this.#ipSum + this.#ipHeader + transportLength + id;
      sum = (sum & 0xffff) + (sum >>> 16);
      sum = (sum & 0xffff) + (sum >>> 16);
      view.setUint16(ip + 10, ~sum & 0xffff);
    }
    if (this.#isTcp) {
      view.setInt32(transport + 4, (this.#sequence + offset) | 0);
      let flags = this.#flags;
      if (size < rest) flags &= ~(TcpFlag.fin | TcpFlag.psh);
      if (this.#count > 0) flags &= ~TcpFlag.cwr;
      u8[transport + 13] = flags;
    } else {
      view.setUint16(transport + 4, transportLength);
    }
    const sum = this.#sum + transportLength;
    view.setUint16(transport + this.#checksum, sum > 0xffff ? sum - 0xffff : sum);
    this.at = at;
    this.length = this.#headerLength + size;
    this.#offset = offset + size;
    this.#count++;
    return true;
  }
}
