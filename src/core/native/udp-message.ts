/**
 * The `msghdr` of a receive with UDP_GRO and of a send with UDP_SEGMENT (udp(7), cmsg(3)), set up once and used again.
 * Up to 64 datagrams a message, and several messages a call (recvmmsg(2), sendmmsg(2)). Offsets are into the arena;
 * nothing is allocated per call.
 */
import type { Arena } from './arena.js';
import { Cmsghdr, Iovec, Mmsghdr, Msghdr, Socket } from './libc.js';

/** Room for control messages. */
export const controlRoom = 64;
/** CMSG_SPACE(2): the header and two bytes, padded to eight. */
const segmentRoom = Cmsghdr.data + 8;

export interface UdpMessage {
  /** `struct msghdr`. */
  readonly header: number;
  /** Its only `struct iovec`. */
  readonly iov: number;
  readonly control: number;
}

/** With one buffer and room for control messages; the address at `name`, which the caller may set anew for each send. */
function setUp(arena: Arena, name: number, nameLength: number, header: number): UdpMessage {
  const iov = arena.alloc(Iovec.size);
  const control = arena.alloc(controlRoom);
  arena.setPointer(header + Msghdr.iov, arena.base + iov);
  arena.view.setUint32(header + Msghdr.iovLength, 1, true);
  arena.setPointer(header + Msghdr.control, arena.base + control);
  arena.setPointer(header + Msghdr.name, arena.base + name);
  arena.view.setUint32(header + Msghdr.nameLength, nameLength, true);
  return { header, iov, control };
}

/** The kernel overwrites the lengths of name and control: `prepare` sets them again before each call. */
export function receiveMessage(
  arena: Arena,
  name: number,
  nameLength: number,
  header = arena.alloc(Msghdr.size),
): UdpMessage {
  return setUp(arena, name, nameLength, header);
}

/** For `sendmsg`, with the control message that `cutInto` fills in. */
export function sendMessage(
  arena: Arena,
  name: number,
  nameLength: number,
  header = arena.alloc(Msghdr.size),
): UdpMessage {
  const message = setUp(arena, name, nameLength, header);
  const { control } = message;
  arena.view.setUint32(control + Cmsghdr.length, Cmsghdr.data + 2, true);
  arena.view.setInt32(control + Cmsghdr.level, Socket.SOL_UDP, true);
  arena.view.setInt32(control + Cmsghdr.type, Socket.UDP_SEGMENT, true);
  return message;
}

/** Places of `count` messages behind each other, as one call takes them: `struct mmsghdr`. */
export function messageHeaders(arena: Arena, count: number): readonly number[] {
  const at = arena.alloc(count * Mmsghdr.size);
  return Array.from({ length: count }, (_, i) => at + i * Mmsghdr.size);
}

/** Points a message at `length` bytes at the address `pointer`. */
export function aim(view: DataView, iov: number, pointer: number, length: number): void {
  view.setUint32(iov, pointer, true); // the lower half: modulo 2^32
  // Of an arena below 4 GiB the upper half stays as it was set up: zero.
  if (pointer > 0xffff_ffff) view.setUint32(iov + 4, Math.floor(pointer / 0x1_0000_0000), true);
  view.setUint32(iov + Iovec.length, length, true);
}

/** To be called before each receive. */
export function prepare(view: DataView, header: number, nameLength: number): void {
  view.setUint32(header + Msghdr.nameLength, nameLength, true);
  view.setUint32(header + Msghdr.controlLength, controlRoom, true);
}

/** After a receive of `n` bytes: the length of each datagram but the last, which may be shorter. */
export function segmentOf(view: DataView, header: number, control: number, n: number): number {
  if (
    view.getUint32(header + Msghdr.controlLength, true) >= Cmsghdr.data + 4 &&
    view.getInt32(control + Cmsghdr.type, true) === Socket.UDP_GRO &&
    view.getInt32(control + Cmsghdr.level, true) === Socket.SOL_UDP
  ) {
    const segment = view.getInt32(control + Cmsghdr.data, true);
    if (segment > 0) return segment;
  }
  return n;
}

/** Before a send: datagrams of `segment` bytes, or with 0 one of all. */
export function cutInto(view: DataView, header: number, control: number, segment: number): void {
  if (segment > 0) {
    view.setUint16(control + Cmsghdr.data, segment, true);
    view.setUint32(header + Msghdr.controlLength, segmentRoom, true);
  } else {
    view.setUint32(header + Msghdr.controlLength, 0, true);
  }
}
