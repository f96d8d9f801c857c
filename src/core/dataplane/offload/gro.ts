/**
 * Grows TCP super-frames, and UDP ones where the device takes them, out of the segments that peers send, so that the kernel takes one frame for up to 64 kB.
 *
 * A segment that joins leaves its payload in the flow's buffer, the first of a flow all of it. What cannot join is
 * written from where it lies.
 */
import type { Arena } from '../../native/arena.js';
import { VirtioNetHdr } from '../../tap/device.js';
import { EtherType, etherTypeBefore, payloadOffset } from '../../wire/ethernet.js';
import { checksumFieldOffset, ipv4HeaderLength, Protocol, udpHeaderLength } from '../../wire/ip.js';
import { Flow } from './flow.js';

const icmp6 = 58;

/** Flows that grow at one time; the oldest makes room. */
const openFlows = 8;

export class Grower {
  readonly #arena: Arena;
  readonly #datagrams: boolean;
  readonly #write: (at: number, length: number) => void;
  /** Open flows, oldest first, in the first `#count` places; free ones behind. */
  readonly #flows: Flow[];
  #count = 0;
  #spare: Flow;

  /**
   * `write` takes a frame with its virtio header, at once; the bytes are not used afterwards. `datagrams`: it takes UDP
   * super-frames.
   */
  constructor(arena: Arena, datagrams: boolean, write: (at: number, length: number) => void) {
    this.#arena = arena;
    this.#datagrams = datagrams;
    this.#write = write;
    this.#flows = Array.from({ length: openFlows }, () => new Flow(arena));
    this.#spare = new Flow(arena);
  }

  /** The flow that the segment at `at`, whose headers have `headerLength` bytes, continues; or null. */
  match(peer: number, at: number, headerLength: number, length: number): Flow | null {
    if (headerLength === 0 || headerLength >= length) return null;
    for (let i = 0; i < this.#count; i++) {
      const flow = this.#flows[i] as Flow;
      if (flow.accepts(peer, at, headerLength, length)) return flow;
    }
    return null;
  }

  /** Joins the segment at `at`, which `match` found to continue the flow. */
  append(flow: Flow, at: number, length: number): void {
    const { headerLength } = flow;
    this.#arena.u8.copyWithin(flow.end, at + headerLength, at + length);
    flow.append(at, length - headerLength);
    if (flow.ended) this.#flush(this.#flows.indexOf(flow));
  }

  /**
   * Takes the frame at `at`, with a partial checksum in its TCP or UDP header at `transport` (`locateTransport`). Before
   * it is room for the virtio header. Returns the header length of a segment that can be joined, else 0.
   */
  offer(peer: number, at: number, length: number, transport: number): number {
    const start = transport >> 8;
    const protocol = transport & 0xff;
    const { view, u8 } = this.#arena;
    if (protocol !== Protocol.tcp && !this.#datagrams) {
      this.writePartialAt(at, length, start, checksumFieldOffset(protocol));
      return 0;
    }
    const headerLength =
      start + (protocol === Protocol.tcp ? (view.getUint8(at + start + 12) >> 4) * 4 : udpHeaderLength);
    const joined = this.match(peer, at, headerLength, length);
    if (joined) {
      this.append(joined, at, length);
      return headerLength;
    }
    const ip = payloadOffset(view, at, length);
    for (let i = 0; i < this.#count; i++) {
      if ((this.#flows[i] as Flow).resembles(peer, at, ip, start, length)) this.#flush(i--);
    }
    const flow = this.#spare;
    const begun = flow.begin(peer, at, length);
    if (!begun || flow.ended) {
      // Nothing will join it.
      this.writePartialAt(at, length, start, checksumFieldOffset(protocol), begun ? headerLength : 0);
      return begun ? headerLength : 0;
    }
    u8.copyWithin(flow.frame, at, at + length);
    if (this.#count === openFlows) this.#flush(0);
    this.#spare = this.#flows[this.#count] as Flow;
    this.#flows[this.#count++] = flow;
    return flow.headerLength;
  }

  /** Writes the frame at `at`, which leaves room for the header, with a partial checksum at `start` + `offset`. */
  writePartialAt(at: number, length: number, start: number, offset: number, headerLength = 0): void {
    const { view, u8 } = this.#arena;
    const header = at - VirtioNetHdr.size;
    u8[header + VirtioNetHdr.flags] = VirtioNetHdr.flagNeedsChecksum;
    u8[header + VirtioNetHdr.gsoType] = VirtioNetHdr.gsoNone;
    // Also the segment size, 0.
    view.setUint32(header + VirtioNetHdr.headerLength, headerLength, true);
    view.setUint16(header + VirtioNetHdr.checksumStart, start, true);
    view.setUint16(header + VirtioNetHdr.checksumOffset, offset, true);
    this.#write(header, length + VirtioNetHdr.size);
  }

  /** Writes the frame at `at`, which leaves room for the header, complete as it is. */
  writePlain(at: number, length: number): void {
    const { view } = this.#arena;
    if (this.#count > 0 && this.#mayFollow(at, length)) this.flush();
    const header = at - VirtioNetHdr.size;
    view.setUint32(header, 0);
    view.setUint32(header + 4, 0);
    view.setUint16(header + 8, 0);
    this.#write(header, length + VirtioNetHdr.size);
  }

  /** True when the frame may belong to a flow that grows, which it must not overtake: fragments do not tell which. */
  #mayFollow(at: number, length: number): boolean {
    const { view } = this.#arena;
    const ip = payloadOffset(view, at, length);
    if (ip === 0 || length < ip + ipv4HeaderLength) return false;
    const type = etherTypeBefore(view, at, ip);
    let protocol = -1;
    if (type === EtherType.ipv4) protocol = view.getUint8(at + ip + 9);
    else if (type === EtherType.ipv6) protocol = view.getUint8(at + ip + 6);
    // Of IPv6, any extension may come before a fragment; ICMPv6 is what is common and none.
    return type === EtherType.ipv6
      ? protocol !== icmp6
      : protocol === Protocol.tcp || protocol === Protocol.udp;
  }

  #flush(index: number): void {
    const flow = this.#flows[index] as Flow;
    for (let i = index + 1; i < this.#count; i++) this.#flows[i - 1] = this.#flows[i] as Flow;
    this.#flows[--this.#count] = flow;
    this.#write(flow.seal(), flow.length + VirtioNetHdr.size);
  }

  /** Writes everything that grows: nothing may wait for a segment that may not come. */
  flush(): void {
    while (this.#count > 0) this.#flush(0);
  }
}
