/** The size of super-frames, which only rtnetlink(7) can set (`<linux/rtnetlink.h>`, `<linux/if_link.h>`). */
import type { Arena } from '../native/arena.js';
import { Socket, type Libc } from '../native/libc.js';

const AF_NETLINK = 16;
const SOCK_RAW = 3;
const RTM_NEWLINK = 16;
const NLM_F_REQUEST = 1;
const IFLA_GSO_MAX_SIZE = 41;

/** `struct nlmsghdr`, `struct ifinfomsg` with the index at 4, and one attribute of 32 bits. */
const headerBytes = 16;
const infoBytes = 16;
const attributeBytes = 8;

/**
 * Asks the kernel to hand out super-frames of at most so many bytes, what it sets aside for headers included, by the
 * interface `index`. It may refuse: then they are as long as they were.
 */
export function limitSuperFrames(c: Libc, arena: Arena, index: number, bytes: number): void {
  const length = headerBytes + infoBytes + attributeBytes;
  const at = arena.alloc(length);
  const { u8, view } = arena;
  u8.fill(0, at, at + length);
  view.setUint32(at, length, true);
  view.setUint16(at + 4, RTM_NEWLINK, true);
  view.setUint16(at + 6, NLM_F_REQUEST, true);
  view.setInt32(at + headerBytes + 4, index, true);
  const attribute = at + headerBytes + infoBytes;
  view.setUint16(attribute, attributeBytes, true);
  view.setUint16(attribute + 2, IFLA_GSO_MAX_SIZE, true);
  view.setUint32(attribute + 4, bytes, true);
  const socket = c.socket(AF_NETLINK, SOCK_RAW | Socket.SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  c.write(socket, arena.base + at, length);
  c.close(socket);
}
