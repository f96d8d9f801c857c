/** Frames out of the kernel's ring, as packets of a file. */
import { PacketType, type PacketRing, type RingFrame } from '../core/native/packet-ring.js';
import { vlanTagLength } from '../core/wire/ethernet.js';
import { packetBlockLength, PacketFlag, putPacketBlock } from '../core/wire/pcapng.js';
import type { KnownMember } from './members.js';
import type { Whose } from './whose.js';

/** Both MACs of an Ethernet header: the VLAN tag that the kernel took out lay behind them. */
const macsBytes = 12;
const leastBytes = 4096;

const flagsOf: Readonly<Record<number, number>> = {
  [PacketType.host]: PacketFlag.inbound | PacketFlag.unicast,
  [PacketType.broadcast]: PacketFlag.inbound | PacketFlag.broadcast,
  [PacketType.multicast]: PacketFlag.inbound | PacketFlag.multicast,
  [PacketType.other]: PacketFlag.inbound | PacketFlag.promiscuous,
  [PacketType.outgoing]: PacketFlag.outbound,
};

export interface FrameChoice {
  /** Undefined: nobody is asked whose they are; they are no Ethernet frames. */
  readonly members: { readonly whose: Whose<KnownMember> } | undefined;
  /** Id of the member whose frames are wanted; undefined for all. */
  readonly peer: string | undefined;
  /** Number of the interface in the file. */
  readonly face: number;
  /** So many frames are wanted. */
  readonly limit: number | undefined;
  /** Bytes kept of a frame. */
  readonly snapLength: number;
}

export class FrameBlocks {
  readonly #ring: Pick<PacketRing, 'bytes' | 'view' | 'readBlock'>;
  readonly #choice: FrameChoice;
  readonly #limit: number;
  /** What the block of the ring at hand has become so far: memory of its own, for whoever it is given to. */
  #out = Buffer.alloc(0);
  #used = 0;
  /** As much as the last block needed, which is most often enough. */
  #enough = leastBytes;
  /** Frames so far. */
  written = 0;

  constructor(ring: Pick<PacketRing, 'bytes' | 'view' | 'readBlock'>, choice: FrameChoice) {
    this.#ring = ring;
    this.#choice = choice;
    this.#limit = choice.limit ?? Infinity;
  }

  /** What the next block of the ring has for the file, maybe nothing; undefined when no block is full. */
  next(): Uint8Array | undefined {
    this.#enough = Math.max(leastBytes, this.#used);
    this.#out = Buffer.alloc(0);
    this.#used = 0;
    return this.#ring.readBlock(this.#take) ? this.#out.subarray(0, this.#used) : undefined;
  }

  readonly #take = (frame: RingFrame): boolean => {
    if (this.written >= this.#limit) return false;
    const { bytes, view } = this.#ring;
    const isOutbound = frame.packetType === PacketType.outgoing;
    const member = this.#choice.members?.whose.of(view, frame.at, frame.captured, isOutbound);
    if (this.#choice.peer !== undefined && member?.id !== this.#choice.peer) return true;
    const tagBytes = frame.tag === 0 || !this.#choice.members ? 0 : vlanTagLength;
    const captured = Math.min(frame.captured + tagBytes, this.#choice.snapLength);
    const length = packetBlockLength(captured, member?.comment);
    this.#reserve(length);
    const out = new DataView(this.#out.buffer, this.#out.byteOffset, this.#out.length);
    const { seconds, nanoseconds } = frame;
    const at = putPacketBlock(
      out,
      this.#used,
      {
        face: this.#choice.face,
        seconds,
        nanoseconds,
        captured,
        length: frame.length + tagBytes,
        flags: flagsOf[frame.packetType] ?? 0,
      },
      member?.comment,
    );
    const rest = frame.at + macsBytes;
    this.#out.set(bytes.subarray(frame.at, rest), at);
    if (tagBytes > 0) out.setUint32(at + macsBytes, frame.tag);
    this.#out.set(bytes.subarray(rest, rest + captured - macsBytes - tagBytes), at + macsBytes + tagBytes);
    this.#used += length;
    this.written++;
    return this.written < this.#limit;
  };

  #reserve(length: number): void {
    if (this.#used + length <= this.#out.length) return;
    const larger = Buffer.alloc(Math.max(this.#enough, 2 * this.#out.length, this.#used + length));
    larger.set(this.#out.subarray(0, this.#used));
    this.#out = larger;
  }
}
