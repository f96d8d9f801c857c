/**
 * Captured frames as a file: pcapng (draft-ietf-opsawg-pcapng), one section, times in nanoseconds. Interfaces are numbered in the
 * order of their blocks.
 *
 * Every block, little endian, padded to 4 bytes:
 *
 *   +------+--------------+----------------+--------- … ---------+--------------+
 *   | type | total length | fixed fields   | options             | total length |
 *   |  4   |  4           |                | code 2, length 2, … |  4           |
 *   +------+--------------+----------------+---------------------+--------------+
 *
 *   section     0x0a0d0d0a   byte order 0x1a2b3c4d, version 1.0, section length -1 (not known)
 *   interface   1            link type (1 Ethernet, 101 raw IP) 2, reserved 2, longest frame 4
 *   names       4            records: type 2 (1 IPv4, 2 IPv6), length 2, address, name, 0; the last one is empty
 *   statistics  5            interface 4, time 8
 *   packet      6            interface 4, time 8, bytes here 4, bytes of the frame 4, the frame
 *
 * A time is two words, the higher first.
 */

const sectionType = 0x0a0d0d0a;
const interfaceType = 1;
const namesType = 4;
const statisticsType = 5;
const packetType = 6;
const byteOrder = 0x1a2b3c4d;
/** What the packets of an interface begin with. */
export const LinkType = { ethernet: 1, ip: 101 } as const;
/** Of an interface: times are powers of ten of a second below one. */
const nanoseconds = 9;

const Option = {
  end: 0,
  comment: 1,
  os: 3,
  program: 4,
  name: 2,
  description: 3,
  mac: 6,
  resolution: 9,
  flags: 2,
  start: 2,
  stop: 3,
  received: 4,
  dropped: 5,
} as const;

const NameRecord = { end: 0, ipv4: 1, ipv6: 2 } as const;

/** Which way a packet went, and to whom: what its flags say. */
export const PacketFlag = {
  inbound: 0x1,
  outbound: 0x2,
  unicast: 0x4,
  multicast: 0x8,
  broadcast: 0xc,
  promiscuous: 0x10,
} as const;

/** Type, length, and the length once more. */
const frameBytes = 12;
/** What a packet block has around the frame and its comment: fields, flags, end of options. */
const packetOverhead = frameBytes + 20 + 8 + 4;

function padded(length: number): number {
  return (length + 3) & ~3;
}

function option(code: number, value: Uint8Array): Buffer {
  const out = Buffer.alloc(4 + padded(value.length));
  out.writeUInt16LE(code, 0);
  out.writeUInt16LE(value.length, 2);
  out.set(value, 4);
  return out;
}

function textOption(code: number, text: string): Buffer {
  return option(code, Buffer.from(text, 'utf8'));
}

function longOption(code: number, value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(value);
  return option(code, bytes);
}

function timeOption(code: number, time: bigint): Buffer {
  return option(code, timeWords(time));
}

function timeWords(time: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(Number(time >> 32n), 0);
  bytes.writeUInt32LE(Number(time & 0xffff_ffffn), 4);
  return bytes;
}

/** `options` end with the mark of their end by themselves. */
function block(type: number, fixed: Uint8Array, options: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat([fixed, ...options, ...(options.length > 0 ? [Buffer.alloc(4)] : [])]);
  const out = Buffer.alloc(frameBytes + body.length);
  out.writeUInt32LE(type, 0);
  out.writeUInt32LE(out.length, 4);
  out.set(body, 8);
  out.writeUInt32LE(out.length, out.length - 4);
  return out;
}

/** The beginning of a file: which program wrote it, on what. */
export function sectionBlock(program: string, os: string): Buffer {
  const fixed = Buffer.alloc(16, 0xff);
  fixed.writeUInt32LE(byteOrder, 0);
  fixed.writeUInt16LE(1, 4);
  fixed.writeUInt16LE(0, 6);
  return block(sectionType, fixed, [textOption(Option.os, os), textOption(Option.program, program)]);
}

export interface CapturedInterface {
  readonly name: string;
  readonly description: string;
  /** 6 bytes; none where its packets have no Ethernet header. */
  readonly mac: Uint8Array | undefined;
  /** Frames are cut after so many bytes. */
  readonly snapLength: number;
  /** Of `LinkType`. */
  readonly link: number;
}

export function interfaceBlock({ name, description, mac, snapLength, link }: CapturedInterface): Buffer {
  const fixed = Buffer.alloc(8);
  fixed.writeUInt16LE(link, 0);
  fixed.writeUInt32LE(snapLength, 4);
  return block(interfaceType, fixed, [
    textOption(Option.name, name),
    textOption(Option.description, description),
    ...(mac ? [option(Option.mac, mac)] : []),
    option(Option.resolution, Uint8Array.of(nanoseconds)),
  ]);
}

/** What addresses (4 or 16 bytes) are called. */
export function namesBlock(
  names: readonly { readonly address: Uint8Array; readonly name: string }[],
): Buffer {
  const records = names.map(({ address, name }) =>
    option(
      address.length === 4 ? NameRecord.ipv4 : NameRecord.ipv6,
      Buffer.concat([address, Buffer.from(`${name}\0`, 'utf8')]),
    ),
  );
  return block(namesType, Buffer.concat([...records, option(NameRecord.end, new Uint8Array())]), []);
}

export interface CaptureStatistics {
  /** Number of the interface. */
  readonly face: number;
  /** Nanoseconds since 1970. */
  readonly start: bigint;
  readonly stop: bigint;
  /** Frames that the interface passed, and those of them that there was no room for. */
  readonly received: number;
  readonly dropped: number;
}

export function statisticsBlock({ face, start, stop, received, dropped }: CaptureStatistics): Buffer {
  const number = Buffer.alloc(4);
  number.writeUInt32LE(face);
  return block(statisticsType, Buffer.concat([number, timeWords(stop)]), [
    timeOption(Option.start, start),
    timeOption(Option.stop, stop),
    longOption(Option.received, BigInt(received)),
    longOption(Option.dropped, BigInt(dropped)),
  ]);
}

/** A comment as packet blocks take it: made once for many packets. */
export function commentOption(text: string): Uint8Array {
  return textOption(Option.comment, text);
}

/** Length of the block of a packet of which `captured` bytes are kept. */
export function packetBlockLength(captured: number, comment: Uint8Array | undefined): number {
  return packetOverhead + padded(captured) + (comment?.length ?? 0);
}

/**
 * Begins the block of a packet in memory of the caller, `packetBlockLength` bytes that are all zero: writes everything but
 * the frame. Returns the offset at which the frame is to be put, `captured` bytes.
 *
 * @param length bytes of the frame as it passed
 * @param flags of `PacketFlag`
 */
export function putPacketBlock(
  out: DataView,
  at: number,
  packet: {
    /** Number of the interface. */
    readonly face: number;
    readonly seconds: number;
    readonly nanoseconds: number;
    readonly captured: number;
    readonly length: number;
    readonly flags: number;
  },
  comment: Uint8Array | undefined,
): number {
  const total = packetBlockLength(packet.captured, comment);
  const time = BigInt(packet.seconds) * 1_000_000_000n + BigInt(packet.nanoseconds);
  out.setUint32(at, packetType, true);
  out.setUint32(at + 4, total, true);
  out.setUint32(at + 8, packet.face, true);
  out.setUint32(at + 12, Number(time >> 32n), true);
  out.setUint32(at + 16, Number(time & 0xffff_ffffn), true);
  out.setUint32(at + 20, packet.captured, true);
  out.setUint32(at + 24, packet.length, true);
  const frame = at + 28;
  const options = frame + padded(packet.captured);
  out.setUint16(options, Option.flags, true);
  out.setUint16(options + 2, 4, true);
  out.setUint32(options + 4, packet.flags, true);
  if (comment) new Uint8Array(out.buffer, out.byteOffset).set(comment, options + 8);
  out.setUint32(at + total - 4, total, true);
  return frame;
}
