/**
 * Frames that pass an interface, both ways, read from a ring that the kernel shares with us (packet(7), PACKET_RX_RING,
 * TPACKET_V3; `<linux/if_packet.h>`).
 *
 *   kernel ── fills ──▶ block 0 │ block 1 │ … │ block 31 ── read() ──▶ each frame ──▶ given back to the kernel
 *
 * Nobody waits for the reader: where every block is full, the kernel drops the copy and counts it.
 */
import { EvioError, runAsRoot } from '../lib/errors.js';
import { Arena } from './arena.js';
import { Errno, errnoName, libc, Socket } from './libc.js';
import { attachFilter, type FilterInstruction } from './socket-filter.js';
import { viewOf } from './symbols.js';

const AF_PACKET = 17;
const SOCK_RAW = 3;
/** Packets begin at the header of IP, whatever the link is. */
const SOCK_DGRAM = 2;
/** ETH_P_ALL in network byte order, as a socket address has it. */
const everyProtocol = 0x0003;
const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
/** `BPF_RET | BPF_K`: keep so many bytes. */
const returnConstant = 0x06;

/** A block holds frames of any length that the kernel gives, super-frames too. */
const blockBytes = 1 << 20;
export const blockCount = 32;
/** Frames have no slots of their own in this version; the kernel checks the figures all the same. */
const slotBytes = 2048;
/** A block that is not full is handed over after so long, ms. */
export const handOverMs = 20;

/** `struct tpacket_req3`. */
const requestBytes = 28;
/** `struct sockaddr_ll`. */
const addressBytes = 20;
const macAt = 12;
/** `struct tpacket_block_desc`. */
const Block = { status: 8, packets: 12, first: 16 } as const;
/** `struct tpacket3_hdr`, and the `struct sockaddr_ll` behind it. */
const Header = {
  next: 0,
  seconds: 4,
  nanoseconds: 8,
  captured: 12,
  length: 16,
  status: 20,
  frame: 24,
  tag: 32,
  tagType: 36,
  packetType: 48 + 10,
} as const;
const toKernel = 0;
const toUser = 1;
const tagIsValid = 1 << 4;
const tagTypeIsValid = 1 << 6;
const usualTagType = 0x8100;

/** `sll_pkttype`. */
export const PacketType = { host: 0, broadcast: 1, multicast: 2, other: 3, outgoing: 4 } as const;

/** A frame in the ring. One object serves for all: it is good until the callback returns. */
export interface RingFrame {
  seconds: number;
  nanoseconds: number;
  /** Where its bytes lie in `bytes` and `view`, and how many were kept. */
  at: number;
  captured: number;
  /** Bytes as it passed. Both are without the VLAN tag that the kernel took out of it. */
  length: number;
  /** That tag, TPID and TCI, 32 bits; 0 without one. */
  tag: number;
  /** Of `PacketType`. */
  packetType: number;
}

const keepAll = (snapLength: number): FilterInstruction[] => [[returnConstant, 0, 0, snapLength]];

/** `BPF_LD` of a word's part at a place, also behind the IPv4 header; jumps; as `tcpdump -dd` writes them. */
const Op = {
  byte: 0x30,
  half: 0x28,
  halfBehind: 0x48,
  headerLength: 0xb1,
  and: 0x54,
  is: 0x15,
  anyOf: 0x45,
} as const;
const udp = 17;

/** Packets of IPv4 and IPv6 that are whole, or first fragments, with UDP from or to this port. */
function udpOfPort(port: number, snapLength: number): FilterInstruction[] {
  return [
    [Op.byte, 0, 0, 0],
    [Op.and, 0, 0, 0xf0],
    [Op.is, 0, 9, 0x40], // else to 12
    [Op.byte, 0, 0, 9],
    [Op.is, 0, 15, udp], // else to 20
    [Op.half, 0, 0, 6],
    [Op.anyOf, 13, 0, 0x1fff], // a later fragment: to 20
    [Op.headerLength, 0, 0, 0],
    [Op.halfBehind, 0, 0, 0],
    [Op.is, 9, 0, port], // to 19
    [Op.halfBehind, 0, 0, 2],
    [Op.is, 7, 8, port], // to 19, else to 20
    [Op.is, 0, 7, 0x60], // else to 20
    [Op.byte, 0, 0, 6],
    [Op.is, 0, 5, udp], // else to 20
    [Op.half, 0, 0, 40],
    [Op.is, 2, 0, port], // to 19
    [Op.half, 0, 0, 42],
    [Op.is, 0, 1, port], // else to 20
    [returnConstant, 0, 0, snapLength],
    [returnConstant, 0, 0, 0],
  ];
}

export class PacketRing {
  readonly #fd: number;
  readonly #arena = new Arena(1024);
  readonly #scratch: number;
  readonly #memory: number;
  readonly #status: Int32Array;
  #next = 0;
  #received = 0;
  #dropped = 0;
  #isOpen = true;
  /** MAC of the interface, 6 bytes; of all interfaces, zeros. */
  readonly mac: Uint8Array;
  /** All of the ring. Not to be touched once it is closed. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #frame: RingFrame = {
    seconds: 0,
    nanoseconds: 0,
    at: 0,
    captured: 0,
    length: 0,
    tag: 0,
    packetType: 0,
  };

  /**
   * @param what the frames of the interface with this index; or the packets of one UDP port by all interfaces, without their
   *   link's header
   * @param snapLength bytes that are kept of a frame
   * @throws EvioError EVIO_NO_PRIVILEGE without CAP_NET_RAW, EVIO_DEVICE
   */
  constructor(what: { readonly index: number } | { readonly udpPort: number }, snapLength: number) {
    const c = libc();
    const isCooked = 'udpPort' in what;
    const fd = c.socket(
      AF_PACKET,
      (isCooked ? SOCK_DGRAM : SOCK_RAW) | Socket.SOCK_CLOEXEC | Socket.SOCK_NONBLOCK,
      0,
    );
    if (fd < 0) throw refused('a packet socket', c.errno());
    this.#fd = fd;
    this.#scratch = this.#arena.alloc(64);
    try {
      this.#set(PACKET_VERSION, [TPACKET_V3]);
      this.#set(PACKET_RX_RING, [
        blockBytes,
        blockCount,
        slotBytes,
        (blockBytes / slotBytes) * blockCount,
        handOverMs,
        0,
        0,
      ]);
      const filter = isCooked ? udpOfPort(what.udpPort, snapLength) : keepAll(snapLength);
      if (!attachFilter(fd, filter)) throw refused('a filter', c.errno());
      const length = blockBytes * blockCount;
      const memory = c.mmap(0, length, PROT_READ_WRITE, MAP_SHARED, fd, 0);
      if (!(memory > 0 && memory < 2 ** 63)) throw refused('the memory of a ring', c.errno());
      this.#memory = memory;
      const buffer = viewOf(memory, length);
      this.bytes = new Uint8Array(buffer);
      this.view = new DataView(buffer);
      this.#status = new Int32Array(buffer);
      // The last step: until it is bound, no frame comes in.
      this.mac = this.#bind(isCooked ? 0 : what.index);
    } catch (thrown) {
      c.close(fd);
      throw thrown;
    }
  }

  #set(name: number, words: readonly number[]): void {
    const { view, base } = this.#arena;
    words.forEach((word, i) => {
      view.setUint32(this.#scratch + 4 * i, word, true);
    });
    const c = libc();
    const length = Math.min(words.length * 4, requestBytes);
    if (c.setsockopt(this.#fd, SOL_PACKET, name, base + this.#scratch, length) !== 0)
      throw refused('a ring of frames', c.errno());
  }

  #bind(index: number): Uint8Array {
    const { view, u8, base } = this.#arena;
    const at = this.#scratch;
    u8.fill(0, at, at + addressBytes);
    view.setUint16(at, AF_PACKET, true);
    view.setUint16(at + 2, everyProtocol);
    view.setInt32(at + 4, index, true);
    const c = libc();
    if (c.bind(this.#fd, base + at, addressBytes) !== 0) throw refused('the interface', c.errno());
    const size = at + 32;
    view.setUint32(size, addressBytes, true);
    if (c.getsockname(this.#fd, base + at, base + size) !== 0) throw refused('its address', c.errno());
    return u8.slice(at + macAt, at + macAt + 6);
  }

  /**
   * Hands every frame of the next full block to `each`, and the block back to the kernel.
   *
   * @param each may answer false: the rest of the block is left out
   * @returns false when no block is full
   */
  readBlock(each: (frame: RingFrame) => boolean): boolean {
    if (!this.#isOpen) return false;
    const { view } = this;
    const block = this.#next * blockBytes;
    const status = (block + Block.status) >> 2;
    // An atomic load and store: what the kernel wrote before it is seen after it, on processors of every kind.
    if ((Atomics.load(this.#status, status) & toUser) === 0) return false;
    const frame = this.#frame;
    let at = block + view.getUint32(block + Block.first, true);
    for (let left = view.getUint32(block + Block.packets, true); left > 0; left--) {
      const flags = view.getUint32(at + Header.status, true);
      frame.seconds = view.getUint32(at + Header.seconds, true);
      frame.nanoseconds = view.getUint32(at + Header.nanoseconds, true);
      frame.captured = view.getUint32(at + Header.captured, true);
      frame.length = view.getUint32(at + Header.length, true);
      frame.at = at + view.getUint16(at + Header.frame, true);
      frame.packetType = view.getUint8(at + Header.packetType);
      const type = (flags & tagTypeIsValid) === 0 ? usualTagType : view.getUint16(at + Header.tagType, true);
      frame.tag =
        (flags & tagIsValid) === 0 ? 0 : ((type << 16) | view.getUint16(at + Header.tag, true)) >>> 0;
      if (!each(frame)) break;
      at += view.getUint32(at + Header.next, true);
    }
    Atomics.store(this.#status, status, toKernel);
    this.#next = (this.#next + 1) % blockCount;
    return true;
  }

  /** Frames since it was opened, as the kernel counts them: those that passed, and those of them that were dropped. */
  counts(): { readonly received: number; readonly dropped: number } {
    const { view, base } = this.#arena;
    const [value, size] = [this.#scratch, this.#scratch + 32];
    view.setUint32(size, 12, true);
    // struct tpacket_stats_v3; reading sets them to zero.
    if (
      this.#isOpen &&
      libc().getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, base + value, base + size) === 0
    ) {
      this.#received += view.getUint32(value, true);
      this.#dropped += view.getUint32(value + 4, true);
    }
    return { received: this.#received, dropped: this.#dropped };
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    libc().munmap(this.#memory, blockBytes * blockCount);
    libc().close(this.#fd);
  }
}

/** Index of an interface of this network namespace; 0 when there is none of that name. */
export function interfaceIndex(name: string): number {
  const arena = new Arena(64);
  if (Buffer.byteLength(name) > 15) return 0;
  arena.setText(0, name);
  return libc().if_nametoindex(arena.base);
}

function refused(what: string, errno: number): EvioError {
  return errno === Errno.EPERM || errno === Errno.EACCES
    ? new EvioError('EVIO_NO_PRIVILEGE', 'Capturing needs root or the capability CAP_NET_RAW.', [runAsRoot])
    : new EvioError('EVIO_DEVICE', `The kernel refuses ${what} to capture by (${errnoName(errno)}).`, [
        'See whether the node still runs: evio status',
      ]);
}
