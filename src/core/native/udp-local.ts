/**
 * To which address of this machine a datagram came, and from which an answer leaves (ip(7) IP_PKTINFO, ipv6(7)
 * IPV6_PKTINFO): a socket at the wildcard would answer from the address that the route prefers, and whoever asked a
 * second or floating address takes that for a stranger's.
 *
 *   IP_PKTINFO:    interface 4 | local 4 | destination 4
 *   IPV6_PKTINFO:  address 16 (IPv4 mapped) | interface 4
 *
 * A local address is kept as 4 bytes of an IPv4 socket, 16 of an IPv6 one. Nothing is allocated per call; offsets are
 * into the arena.
 */
import type { Arena } from './arena.js';
import { Cmsghdr, Msghdr, Socket } from './libc.js';
import { controlRoom, type UdpMessage } from './udp-message.js';

/** Behind the control message that cuts (udp-message.ts), which takes 24 bytes: CMSG_SPACE(2). */
const behindCut = Cmsghdr.data + 8;

/** Bytes of a local address. */
export function localLength(ipv6: boolean): number {
  return ipv6 ? 16 : 4;
}

/** After a receive: copies the local address to `to`. Left as it was when the kernel told none. */
export function readLocal(arena: Arena, message: UdpMessage, ipv6: boolean, to: number): void {
  const { u8, view } = arena;
  const { header, control } = message;
  const end = control + Math.min(view.getUint32(header + Msghdr.controlLength, true), controlRoom);
  for (let at = control; at + Cmsghdr.data <= end;) {
    const length = view.getUint32(at + Cmsghdr.length, true);
    const level = view.getInt32(at + Cmsghdr.level, true);
    const type = view.getInt32(at + Cmsghdr.type, true);
    const data = at + Cmsghdr.data;
    if (ipv6 && level === Socket.IPPROTO_IPV6 && type === Socket.IPV6_PKTINFO) {
      u8.copyWithin(to, data, data + 16);
    } else if (!ipv6 && level === Socket.IPPROTO_IP && type === Socket.IP_PKTINFO) {
      u8.copyWithin(to, data + 4, data + 8);
    }
    if (length < Cmsghdr.data) return;
    at += (length + 7) & ~7;
  }
}

/** Once: puts the control message that names the local address behind the one that cuts. */
export function prepareLocal({ view }: Arena, { control }: UdpMessage, ipv6: boolean): void {
  const at = control + behindCut;
  view.setUint32(at + Cmsghdr.length, Cmsghdr.data + (ipv6 ? 20 : 12), true);
  view.setInt32(at + Cmsghdr.level, ipv6 ? Socket.IPPROTO_IPV6 : Socket.IPPROTO_IP, true);
  view.setInt32(at + Cmsghdr.type, ipv6 ? Socket.IPV6_PKTINFO : Socket.IP_PKTINFO, true);
}

/** Before a send, after `cutInto`: it leaves from the local address at `from`. `cut`: it is cut into segments. */
export function sendFrom(arena: Arena, message: UdpMessage, ipv6: boolean, from: number, cut: boolean): void {
  const { u8, view } = arena;
  const { header, control } = message;
  const info = control + behindCut;
  u8.copyWithin(info + Cmsghdr.data + (ipv6 ? 0 : 4), from, from + localLength(ipv6));
  const begin = cut ? control : info;
  arena.setPointer(header + Msghdr.control, arena.base + begin);
  view.setUint32(
    header + Msghdr.controlLength,
    (cut ? behindCut : 0) + Cmsghdr.data + (ipv6 ? 24 : 16),
    true,
  );
}
