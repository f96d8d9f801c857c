/** One datagram to a Unix socket, which Node cannot send: how systemd is told of a service (sd_notify(3)), and given descriptors. */
import { Arena } from './arena.js';
import { Cmsghdr, Iovec, libc, Msghdr, Socket } from './libc.js';
import { AF_UNIX, unixAddressBytes, writeUnixAddress } from './unix-address.js';

const SCM_RIGHTS = 1;
const MSG_NOSIGNAL = 0x4000;
/** CMSG_LEN(4) and CMSG_SPACE(4): one descriptor. */
const rightsLength = Cmsghdr.data + 4;
const rightsRoom = Cmsghdr.data + 8;

/**
 * @param path of the socket; `@…` is a name in the abstract namespace.
 * @param waits until there is room; else what finds none is lost
 * @param fd a copy of which goes along (unix(7), SCM_RIGHTS)
 * @returns whether it was taken.
 */
export function sendToSocket(path: string, text: string, waits = false, fd?: number): boolean {
  const data = Buffer.from(text);
  const c = libc();
  const arena = new Arena(data.length + 1024);
  const address = arena.alloc(unixAddressBytes);
  const addressLength = writeUnixAddress(arena, address, path);
  if (addressLength === 0) return false;
  const at = arena.alloc(data.length + 1);
  arena.u8.set(data, at);
  const iov = arena.alloc(Iovec.size);
  arena.setPointer(iov + Iovec.base, arena.base + at);
  arena.view.setUint32(iov + Iovec.length, data.length, true);
  const message = arena.alloc(Msghdr.size);
  arena.setPointer(message + Msghdr.name, arena.base + address);
  arena.view.setUint32(message + Msghdr.nameLength, addressLength, true);
  arena.setPointer(message + Msghdr.iov, arena.base + iov);
  arena.view.setUint32(message + Msghdr.iovLength, 1, true);
  if (fd !== undefined) {
    const control = arena.alloc(rightsRoom);
    arena.view.setUint32(control + Cmsghdr.length, rightsLength, true);
    arena.view.setInt32(control + Cmsghdr.level, Socket.SOL_SOCKET, true);
    arena.view.setInt32(control + Cmsghdr.type, SCM_RIGHTS, true);
    arena.view.setInt32(control + Cmsghdr.data, fd, true);
    arena.setPointer(message + Msghdr.control, arena.base + control);
    arena.view.setUint32(message + Msghdr.controlLength, rightsRoom, true);
  }
  const socket = c.socket(AF_UNIX, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const sent = c.sendmsg(socket, arena.base + message, MSG_NOSIGNAL | (waits ? 0 : Socket.MSG_DONTWAIT));
  c.close(socket);
  return sent === data.length;
}
