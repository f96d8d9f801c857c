/**
 * A soak: packets of every kind, of random sizes, in many flows, from one loop to the other and back; everything that
 * comes out is compared with what went in, byte for byte. Super-frames are compared segment by segment: that is what the
 * kernel makes of them.
 *
 * A flow is told by its source MAC. Flows may overtake each other; the packets of one flow may not.
 */
import { LoopPair, macOfSession } from './loop-pair.js';
import { eachSegment, sealIpv4, sealPartial, virtio } from './segments.js';
import type { SeededRandom } from './virtual.js';

const mtu = 1_350;
const sessions = 8;
const kinds = [
  'raw',
  'ip',
  'udp',
  'udp-train',
  'tcp',
  'tcp-train',
  'fragment',
  'extension',
  'other-sum',
] as const;
type Kind = (typeof kinds)[number];
/** Packets under way at once, and super-frames among them. */
const window = 192;
/** Types that are neither IP, ARP nor a tag. */
const etherTypes = [0x88b5, 0x8847, 0x9000, 0x8863, 0x0842, 0x22f0];
const randomBytes = 1 << 20;

interface FlowState {
  readonly kind: Kind;
  readonly id: number;
  readonly session: number;
  readonly v6: boolean;
  /** Tag control words, outermost first. */
  readonly tags: readonly number[];
  readonly options: number;
  /** Ethernet header and tags, then addresses. */
  readonly ethernet: Uint8Array;
  readonly addresses: Uint8Array;
  readonly ports: number;
  readonly dontFragment: boolean;
  ipId: number;
  sequence: number;
  acknowledgement: number;
  /** Frames that must come out, in this order, from `head` on. */
  readonly expected: Expected[];
  head: number;
}

interface Expected {
  readonly frame: Uint8Array;
  /** Start and offset of a partial checksum, or -1. */
  readonly start: number;
  readonly offset: number;
}

export interface SoakCounts {
  sent: number;
  compared: number;
  bytes: number;
  /** Packets of each kind that were sent. */
  readonly kinds: Record<Kind, number>;
  /** Super-frames that went in, and that came out. */
  superIn: number;
  superOut: number;
  tagged: number;
}

export class Soak {
  readonly counts: SoakCounts = {
    ...{ sent: 0, compared: 0, bytes: 0, superIn: 0, superOut: 0, tagged: 0 },
    kinds: Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>,
  };
  readonly #random: SeededRandom;
  readonly #pair = new LoopPair(sessions, mtu, true);
  readonly #flows: readonly [FlowState[], FlowState[]];
  readonly #pool: Buffer;
  readonly #scratch = Buffer.alloc(70_000);
  readonly #segments = Buffer.alloc(70_000);

  constructor(random: SeededRandom, flows = 300) {
    this.#random = random;
    this.#pool = Buffer.from(random.fill(new Uint8Array(randomBytes)));
    const make = (side: 0 | 1): FlowState[] => Array.from({ length: flows }, (_, i) => this.#flow(side, i));
    this.#flows = [make(0), make(1)];
    for (const side of [0, 1] as const) {
      const flowsIn = this.#flows[side];
      this.#pair.ends[side === 0 ? 1 : 0].io.taker = (bytes) => {
        this.#came(flowsIn, bytes);
      };
    }
  }

  /** Sends about `packets` more, both ways, and waits for all of them. Throws at the first difference. */
  run(packets: number): void {
    for (const until = this.counts.sent + packets; this.counts.sent < until;) {
      for (const side of [0, 1] as const) {
        const frames: Uint8Array[] = [];
        for (const begun = this.counts.sent; this.counts.sent - begun < window;) {
          const flow = this.#flows[side][this.#below(this.#flows[side].length)] as FlowState;
          this.#make(flow, frames);
        }
        this.#pair.ends[side].send(frames);
        this.#pair.ends[side === 0 ? 1 : 0].receive();
        this.#all(side);
      }
    }
  }

  drops(): Record<string, number>[] {
    return this.#pair.ends.map((end) => end.drops());
  }

  close(): void {
    this.#pair.close();
  }

  #below(n: number): number {
    return Math.floor(this.#random.unit() * n);
  }

  #chance(p: number): boolean {
    return this.#random.unit() < p;
  }

  #flow(side: 0 | 1, id: number): FlowState {
    const kind = kinds[id % kinds.length] as Kind;
    const session = this.#below(sessions);
    const tags = Array.from({ length: this.#chance(0.5) ? 0 : 1 + this.#below(2) }, () =>
      this.#below(65_536),
    );
    const v6 = kind === 'extension' || (kind !== 'fragment' && kind !== 'raw' && this.#chance(0.5));
    const type =
      kind === 'raw' ? (etherTypes[this.#below(etherTypes.length)] as number) : v6 ? 0x86dd : 0x0800;
    const ethernet = Buffer.alloc(14 + 4 * tags.length);
    ethernet.set(macOfSession(session, side), 0);
    ethernet.set([0x06, side], 6);
    ethernet.writeUInt32BE(id, 8);
    tags.forEach((tag, i) => {
      ethernet.writeUInt16BE(tags.length === 2 && i === 0 ? 0x88a8 : 0x8100, 12 + 4 * i);
      ethernet.writeUInt16BE(tag, 14 + 4 * i);
    });
    ethernet.writeUInt16BE(type, ethernet.length - 2);
    const addresses = this.#random.fill(new Uint8Array(v6 ? 32 : 8));
    return {
      ...{ kind, id, session, v6, tags, ethernet, addresses, options: 4 * this.#below(11) },
      ...{ ports: this.#below(2 ** 32), dontFragment: this.#chance(0.5), ipId: this.#below(65_536) },
      ...{ sequence: this.#below(2 ** 32), acknowledgement: this.#below(2 ** 32), expected: [], head: 0 },
    };
  }

  /** Adds one packet of the flow, or a short run of them, to what the host sends, and what must come of it to the flow. */
  #make(flow: FlowState, frames: Uint8Array[]): void {
    const room = mtu - (flow.v6 ? 40 : 20);
    const size = 1 + this.#below(room - 80);
    switch (flow.kind) {
      case 'raw': {
        const length = Math.max(60, flow.ethernet.length + this.#below(mtu + 1));
        this.#add(flow, frames, this.#frame(flow, length));
        return;
      }
      case 'ip':
        this.#add(flow, frames, this.#ip(flow, [17, 1, 47, 132][this.#below(4)] as number, size));
        return;
      case 'fragment': {
        const first = this.#below(64) * 8;
        const packet = this.#ip(
          flow,
          17,
          size,
          first === 0 || this.#chance(0.7) ? 0x2000 | first : first || 1,
        );
        this.#add(flow, frames, packet);
        return;
      }
      case 'udp':
        for (let run = 1 + this.#below(6), same = size; run > 0; run--) {
          this.#datagram(flow, frames, run === 1 ? 1 + this.#below(same) : same, 0);
        }
        return;
      case 'udp-train': {
        const segment = Math.max(1, size - 20);
        const most = Math.min(64, Math.floor(60_000 / segment));
        this.#datagram(flow, frames, 1 + this.#below(segment * Math.min(most, 1 + this.#below(40))), segment);
        return;
      }
      case 'tcp':
        for (let run = 1 + this.#below(6), same = size; run > 0; run--) this.#tcp(flow, frames, same, 0);
        return;
      case 'tcp-train': {
        const segment = 200 + this.#below(room - 260);
        this.#tcp(flow, frames, 1 + this.#below(Math.min(62_000, segment * (1 + this.#below(30)))), segment);
        return;
      }
      case 'extension':
        this.#extension(flow, frames, size);
        return;
      case 'other-sum':
        this.#otherSum(flow, frames, size);
    }
  }

  /** Virtio header, Ethernet header, and random bytes to the end. */
  #frame(flow: FlowState, length: number): Buffer {
    const packet = Buffer.allocUnsafe(virtio.length + length);
    packet.fill(0, 0, virtio.length);
    packet.set(flow.ethernet, virtio.length);
    const from = virtio.length + flow.ethernet.length;
    const at = this.#below(randomBytes - 66_000);
    this.#pool.copy(packet, from, at, at + packet.length - from);
    return packet;
  }

  /** An IP packet with `size` random bytes. */
  #ip(flow: FlowState, protocol: number, size: number, fragment = flow.dontFragment ? 0x4000 : 0): Buffer {
    const header = flow.v6 ? 40 : 20;
    const packet = this.#frame(flow, flow.ethernet.length + header + size);
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const ip = virtio.length + flow.ethernet.length;
    if (flow.v6) {
      view.setUint32(ip, 0x6000_0000 | (flow.ports & 0xf_ffff));
      view.setUint16(ip + 4, size);
      view.setUint8(ip + 6, protocol);
      view.setUint8(ip + 7, 64);
      packet.set(flow.addresses, ip + 8);
    } else {
      view.setUint16(ip, 0x4500 | (flow.ports & 3));
      view.setUint16(ip + 2, header + size);
      view.setUint16(ip + 4, flow.ipId++);
      view.setUint16(ip + 6, fragment);
      view.setUint16(ip + 8, 0x4000 | protocol);
      packet.set(flow.addresses, ip + 12);
      sealIpv4(view, ip);
    }
    return packet;
  }

  #datagram(flow: FlowState, frames: Uint8Array[], size: number, segment: number): void {
    const packet = this.#ip(flow, 17, 8 + size);
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const udp = virtio.length + flow.ethernet.length + (flow.v6 ? 40 : 20);
    view.setUint32(udp, flow.ports);
    view.setUint16(udp + 4, 8 + size);
    this.#partial(flow, packet, udp, false);
    const count = segment > 0 && size > segment ? this.#gso(packet, virtio.udp, segment, size) : 1;
    flow.ipId += count - 1;
    this.#add(flow, frames, packet);
  }

  #tcp(flow: FlowState, frames: Uint8Array[], size: number, segment: number): void {
    const header = 20 + flow.options;
    const packet = this.#ip(flow, 6, header + size);
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const tcp = virtio.length + flow.ethernet.length + (flow.v6 ? 40 : 20);
    if (this.#chance(0.03)) flow.sequence = this.#below(2 ** 32);
    if (this.#chance(0.1)) flow.acknowledgement = this.#below(2 ** 32);
    const trains = segment > 0 && size > segment;
    // ACK; PSH, FIN, ECE, URG now and then; CWR where the kernel would say so in the GSO type, or alone.
    const cwr = this.#chance(0.05) ? 0x80 : 0;
    const odd = this.#chance(0.05)
      ? ([0x01, 0x40, 0x20, 0x04, 0x02][this.#below(trains ? 2 : 5)] as number)
      : 0;
    const flags = 0x10 | (this.#chance(0.2) ? 0x08 : 0) | cwr | odd;
    view.setUint32(tcp, flow.ports);
    view.setUint32(tcp + 4, flow.sequence);
    view.setUint32(tcp + 8, flow.acknowledgement);
    view.setUint8(tcp + 12, (header / 4) << 4);
    view.setUint8(tcp + 13, flags);
    view.setUint16(tcp + 14, flow.ports & 0xffff);
    // The urgent pointer means nothing without URG.
    if ((flags & 0x20) === 0) view.setUint16(tcp + 18, 0);
    // The same options for some time, as a timestamp has that counts milliseconds.
    packet.fill(flow.acknowledgement & 0xff, tcp + 20, tcp + header);
    this.#partial(flow, packet, tcp, true);
    const type = (flow.v6 ? virtio.tcp6 : virtio.tcp4) | (cwr === 0 ? 0 : virtio.ecn);
    const count = trains ? this.#gso(packet, type, segment, size) : 1;
    flow.ipId += count - 1;
    flow.sequence = (flow.sequence + size) >>> 0;
    this.#add(flow, frames, packet);
  }

  #partial(flow: FlowState, packet: Buffer, transport: number, tcp: boolean): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const ip = virtio.length + flow.ethernet.length;
    sealPartial(view, ip, transport, packet.length - transport, tcp);
    packet[0] = virtio.needsChecksum;
    view.setUint16(6, transport - virtio.length, true);
    view.setUint16(8, tcp ? 16 : 6, true);
  }

  /** Makes it a super-frame; how many segments it has. */
  #gso(packet: Buffer, type: number, segment: number, size: number): number {
    packet[1] = type;
    packet.writeUInt16LE(packet.length - virtio.length - size, 2);
    packet.writeUInt16LE(segment, 4);
    return Math.ceil(size / segment);
  }

  /** IPv6 extension headers in front of something, sometimes of a UDP datagram with a partial checksum. */
  #extension(flow: FlowState, frames: Uint8Array[], size: number): void {
    const chain = Array.from({ length: 1 + this.#below(3) }, () => [0, 43, 60, 44][this.#below(4)] as number);
    const partial = !chain.includes(44) && this.#chance(0.5);
    const last = partial ? 17 : ([58, 6, 17, 59][this.#below(4)] as number);
    const packet = this.#ip(flow, chain[0] as number, chain.length * 8 + 8 + size);
    const ip = virtio.length + flow.ethernet.length;
    const udp = ip + 40 + chain.length * 8;
    chain.forEach((_, i) => {
      packet[ip + 40 + i * 8] = chain[i + 1] ?? last;
      packet[ip + 41 + i * 8] = 0;
    });
    if (partial) {
      packet.writeUInt16BE(8 + size, udp + 4);
      this.#partial(flow, packet, udp, false);
    } else if (last === 58) {
      // No neighbour solicitation: those are answered here.
      packet[udp] = 128;
    }
    this.#add(flow, frames, packet);
  }

  /** A checksum that the kernel wants where neither TCP nor UDP has it (SCTP, GRE, ICMPv6…). */
  #otherSum(flow: FlowState, frames: Uint8Array[], size: number): void {
    const packet = this.#ip(flow, 132, 16 + size);
    const start = flow.ethernet.length + (flow.v6 ? 40 : 20);
    packet[0] = virtio.needsChecksum;
    packet.writeUInt16LE(start, 6);
    packet.writeUInt16LE(this.#below(12), 8);
    this.#add(flow, frames, packet);
  }

  #add(flow: FlowState, frames: Uint8Array[], packet: Buffer): void {
    frames.push(packet);
    const { counts } = this;
    const isSuper = packet[1] !== 0;
    const partial = (packet[0] as number) !== 0;
    const start = partial ? packet.readUInt16LE(6) : -1;
    const offset = partial ? packet.readUInt16LE(8) : -1;
    if (isSuper) counts.superIn++;
    eachSegment(packet, this.#segments, (frame) => {
      counts.sent++;
      counts.kinds[flow.kind]++;
      if (flow.tags.length > 0) counts.tagged++;
      flow.expected.push({ frame: isSuper ? Buffer.from(frame) : frame, start, offset });
    });
  }

  #came(flows: readonly FlowState[], bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const flow = flows[view.getUint32(virtio.length + 8)];
    if (!flow) throw new Error('a frame of no flow');
    const partial = (view.getUint8(0) & virtio.needsChecksum) !== 0;
    const start = partial ? view.getUint16(6, true) : -1;
    const offset = partial ? view.getUint16(8, true) : -1;
    if (view.getUint8(1) !== 0) this.counts.superOut++;
    eachSegment(bytes, this.#scratch, (frame) => {
      const expected = flow.expected[flow.head++];
      if (!expected) throw new Error(`flow ${flow.id} (${flow.kind}): more came than was sent`);
      this.#compare(flow, expected, frame, start, offset);
      this.counts.compared++;
      this.counts.bytes += frame.length;
    });
    if (flow.head === flow.expected.length) {
      flow.expected.length = 0;
      flow.head = 0;
    }
  }

  #compare(flow: FlowState, expected: Expected, frame: Uint8Array, start: number, offset: number): void {
    if (start !== expected.start || offset !== expected.offset)
      throw new Error(
        `flow ${flow.id} (${flow.kind}): checksum at ${start}+${offset}, not ${expected.start}+${expected.offset}`,
      );
    if (Buffer.compare(frame, expected.frame) === 0) return;
    const at = frame.findIndex((byte, i) => byte !== expected.frame[i]);
    const hex = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 96)).toString('hex');
    throw new Error(
      `flow ${flow.id} (${flow.kind}): ${frame.length} bytes differ at ${at} from the ${expected.frame.length} sent\n` +
        `  ${hex(expected.frame)}\n  ${hex(frame)}`,
    );
  }

  /** Everything that this side sent has come. */
  #all(side: 0 | 1): void {
    const late = this.#flows[side].find((flow) => flow.head < flow.expected.length);
    if (late) {
      const missing = late.expected.length - late.head;
      throw new Error(
        `flow ${late.id} (${late.kind}): ${missing} missing; drops ${JSON.stringify(this.drops())}, tags ${late.tags.length}`,
      );
    }
  }
}
