/**
 * Grows TCP super-frames out of the segments that peers send, so that the kernel takes one frame for up to 64 kB.
 *
 * Every plaintext is opened into `fresh`, a free flow's buffer. `match` may be asked as soon as the headers are open:
 * when it names a flow, the payload can be opened right behind that flow's, and nothing is ever copied. What does not
 * join becomes the first of a new flow, with its buffer; a free one takes its place.
 */
import type { Arena } from '../native/arena.js';
import { VirtioNetHdr } from '../tap/device.js';
import { payloadOffset } from '../wire/ethernet.js';
import { Protocol } from '../wire/ip.js';
import { Flow } from './flow.js';

/** Flows that grow at one time; the oldest makes room. */
const openFlows = 8;

export class Grower {
  readonly #arena: Arena;
  readonly #write: (at: number, length: number) => void;
  /** Open flows, oldest first, in the first `#count` places; free ones behind. */
  readonly #flows: Flow[];
  #count = 0;
  #fresh: Flow;

  /** `write` takes a frame with its virtio header, at once; the bytes are not used afterwards. */
  constructor(arena: Arena, write: (at: number, length: number) => void) {
    this.#arena = arena;
    this.#write = write;
    this.#flows = Array.from({ length: openFlows }, () => new Flow(arena));
    this.#fresh = new Flow(arena);
  }

  /** Where the next frame is to be put. Before it is room for the virtio header and kind bytes, behind it for 64 kB. */
  get fresh(): number {
    return this.#fresh.frame;
  }

  get open(): number {
    return this.#count;
  }

  /** The flow that the segment with these headers continues, or null. */
  match(peer: number, headerLength: number, length: number): Flow | null {
    const at = this.#fresh.frame;
    for (let i = 0; i < this.#count; i++) {
      const flow = this.#flows[i] as Flow;
      if (flow.accepts(peer, at, headerLength, length)) return flow;
    }
    return null;
  }

  /** Joins the segment whose headers are in `fresh` and whose payload was put to the flow's `end`. */
  append(flow: Flow, size: number): void {
    flow.append(this.#fresh.frame, size);
    if (flow.ended) this.#flush(this.#flows.indexOf(flow));
  }

  /**
   * Takes the whole frame in `fresh`, with a partial checksum in its TCP or UDP header at `transport`
   * (`locateTransport`). Returns the header length of a TCP segment that can be joined, else 0.
   */
  offer(peer: number, length: number, transport: number): number {
    const fresh = this.#fresh;
    const at = fresh.frame;
    const tcp = transport >> 8;
    const { view, u8 } = this.#arena;
    if ((transport & 0xff) !== Protocol.tcp) {
      this.#writePartial(length, transport);
      return 0;
    }
    const headerLength = tcp + (view.getUint8(at + tcp + 12) >> 4) * 4;
    const flow = headerLength < length ? this.match(peer, headerLength, length) : null;
    if (flow) {
      u8.copyWithin(flow.end, at + headerLength, at + length);
      this.append(flow, length - headerLength);
      return headerLength;
    }
    const ip = payloadOffset(view, at, length);
    for (let i = 0; i < this.#count; i++) {
      if ((this.#flows[i] as Flow).resembles(peer, at, ip, tcp, length)) this.#flush(i--);
    }
    if (!fresh.begin(peer, length)) {
      this.#writePartial(length, transport);
      return 0;
    }
    if (fresh.ended) {
      this.#write(fresh.seal(), fresh.length + VirtioNetHdr.size);
      return fresh.headerLength;
    }
    if (this.#count === openFlows) this.#flush(0);
    const free = this.#flows[this.#count] as Flow;
    this.#flows[this.#count++] = fresh;
    this.#fresh = free;
    return fresh.headerLength;
  }

  /** Writes the frame in `fresh` whose TCP or UDP checksum is partial. */
  #writePartial(length: number, transport: number): void {
    this.writePartialAt(
      this.#fresh.frame,
      length,
      transport >> 8,
      (transport & 0xff) === Protocol.tcp ? 16 : 6,
    );
  }

  /** Writes the frame at `at`, which leaves room for the header, with a partial checksum at `start` + `offset`. */
  writePartialAt(at: number, length: number, start: number, offset: number): void {
    const { view, u8 } = this.#arena;
    const header = at - VirtioNetHdr.size;
    u8[header + VirtioNetHdr.flags] = VirtioNetHdr.flagNeedsChecksum;
    u8[header + VirtioNetHdr.gsoType] = VirtioNetHdr.gsoNone;
    view.setUint32(header + VirtioNetHdr.headerLength, 0, true);
    view.setUint16(header + VirtioNetHdr.checksumStart, start, true);
    view.setUint16(header + VirtioNetHdr.checksumOffset, offset, true);
    this.#write(header, length + VirtioNetHdr.size);
  }

  /** Writes the frame in `fresh`, complete as it is. */
  writePlain(length: number): void {
    this.writePlainAt(this.#fresh.frame, length);
  }

  /** Writes the frame at `at`, which leaves room for the header, complete as it is. */
  writePlainAt(at: number, length: number): void {
    const { view } = this.#arena;
    const header = at - VirtioNetHdr.size;
    view.setUint32(header, 0);
    view.setUint32(header + 4, 0);
    view.setUint16(header + 8, 0);
    this.#write(header, length + VirtioNetHdr.size);
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
