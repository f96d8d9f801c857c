/**
 * The system calls that evio makes itself, and the constants they take (Linux, asm-generic: the same on x64 and arm64;
 * glibc and musl alike).
 *
 * All pointers are addresses as Number. A result below zero is an error, and `errno()` tells which; it must be read
 * before the next call on the thread. EINTR is not retried here.
 */
import { bind, viewOf, type Native } from './symbols.js';

const ptr = 'uintptr_t';

export interface Libc {
  readonly open: Native;
  readonly close: Native;
  readonly ioctl: Native;
  readonly read: Native;
  readonly write: Native;
  readonly socket: Native;
  readonly bind: Native;
  readonly setsockopt: Native;
  readonly getsockopt: Native;
  readonly getsockname: Native;
  readonly sendmsg: Native;
  readonly recvmsg: Native;
  readonly sendmmsg: Native;
  readonly recvmmsg: Native;
  readonly poll: Native;
  readonly clock_gettime: Native;
  readonly sched_yield: Native;
  readonly _exit: Native;
  readonly eventfd: Native;
  readonly dup: Native;
  readonly dup2: Native;
  readonly dup3: Native;
  readonly flock: Native;
  readonly socketpair: Native;
  readonly mmap: Native;
  readonly munmap: Native;
  readonly if_nametoindex: Native;
  /** Error number of the last failed call on this thread. */
  errno(): number;
}

let bound: Libc | undefined;

/** Binds once a thread. Throws EVIO_NO_NATIVE where a symbol is missing. */
export function libc(): Libc {
  if (bound) return bound;
  const location = bind(`${ptr} __errno_location()`);
  // The address is the thread's own and constant, so reading errno costs no call.
  const errno = new Int32Array(viewOf(location(), 4));
  bound = {
    open: bind(`int open(${ptr} path, int flags)`),
    close: bind('int close(int fd)'),
    ioctl: bind(`int ioctl(int fd, uint64_t request, ${ptr} argument)`),
    read: bind(`int64_t read(int fd, ${ptr} buffer, size_t length)`),
    write: bind(`int64_t write(int fd, ${ptr} buffer, size_t length)`),
    socket: bind('int socket(int domain, int type, int protocol)'),
    bind: bind(`int bind(int fd, ${ptr} address, uint32_t length)`),
    setsockopt: bind(`int setsockopt(int fd, int level, int name, ${ptr} value, uint32_t length)`),
    getsockopt: bind(`int getsockopt(int fd, int level, int name, ${ptr} value, ${ptr} length)`),
    getsockname: bind(`int getsockname(int fd, ${ptr} address, ${ptr} length)`),
    sendmsg: bind(`int64_t sendmsg(int fd, ${ptr} message, int flags)`),
    recvmsg: bind(`int64_t recvmsg(int fd, ${ptr} message, int flags)`),
    sendmmsg: bind(`int sendmmsg(int fd, ${ptr} messages, uint32_t count, int flags)`),
    recvmmsg: bind(`int recvmmsg(int fd, ${ptr} messages, uint32_t count, int flags, ${ptr} timeout)`),
    poll: bind(`int poll(${ptr} fds, uint64_t count, int timeout)`),
    clock_gettime: bind(`int clock_gettime(int clock, ${ptr} time)`),
    sched_yield: bind('int sched_yield()'),
    _exit: bind('void _exit(int status)'),
    eventfd: bind('int eventfd(uint32_t initial, int flags)'),
    dup: bind('int dup(int fd)'),
    dup2: bind('int dup2(int from, int to)'),
    dup3: bind('int dup3(int from, int to, int flags)'),
    flock: bind('int flock(int fd, int operation)'),
    socketpair: bind(`int socketpair(int domain, int type, int protocol, ${ptr} pair)`),
    mmap: bind(
      `${ptr} mmap(${ptr} address, size_t length, int protection, int flags, int fd, int64_t offset)`,
    ),
    munmap: bind(`int munmap(${ptr} address, size_t length)`),
    if_nametoindex: bind(`uint32_t if_nametoindex(${ptr} name)`),
    errno: () => errno[0] as number,
  };
  return bound;
}

/** `<asm-generic/errno-base.h>` and `<asm-generic/errno.h>`. */
export const Errno = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  EINVAL: 22,
  EBADFD: 77,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ECONNREFUSED: 111,
  EHOSTDOWN: 112,
  EHOSTUNREACH: 113,
} as const;

/** `EADDRINUSE` for 98; the number when it has no name here. */
export function errnoName(errno: number): string {
  for (const [name, value] of Object.entries(Errno)) if (value === errno) return name;
  return `errno ${errno}`;
}

export const OpenFlag = { readWrite: 2, nonblock: 0x800, cloexec: 0x8_0000 } as const;
export const Mmap = { read: 1, write: 2, private: 0x02, anonymous: 0x20, fixedNoReplace: 0x10_0000 } as const;
export const PollEvent = { in: 0x001, out: 0x004, error: 0x008, hangup: 0x010, invalid: 0x020 } as const;
export const EventfdFlag = { cloexec: 0x8_0000, nonblock: 0x800 } as const;

/** `<sys/socket.h>`, `<netinet/in.h>`, `<linux/udp.h>`. */
export const Socket = {
  AF_INET: 2,
  AF_INET6: 10,
  SOCK_DGRAM: 2,
  SOCK_NONBLOCK: 0x800,
  SOCK_CLOEXEC: 0x8_0000,
  SOL_SOCKET: 1,
  SO_SNDBUF: 7,
  SO_RCVBUF: 8,
  SO_REUSEPORT: 15,
  SO_SNDBUFFORCE: 32,
  SO_RCVBUFFORCE: 33,
  IPPROTO_IP: 0,
  IP_TTL: 2,
  IP_UNICAST_IF: 50,
  IPPROTO_IPV6: 41,
  IPV6_UNICAST_HOPS: 16,
  IP_MTU_DISCOVER: 10,
  IPV6_MTU_DISCOVER: 23,
  IPV6_UNICAST_IF: 76,
  /** linux/in.h, in6.h: no DF, and no belief in what ICMP says of the path. */
  PMTUDISC_PROBE: 3,
  PMTUDISC_OMIT: 5,
  IPV6_V6ONLY: 26,
  IP_PKTINFO: 8,
  IPV6_RECVPKTINFO: 49,
  IPV6_PKTINFO: 50,
  SOL_UDP: 17,
  UDP_SEGMENT: 103,
  UDP_GRO: 104,
  MSG_DONTWAIT: 0x40,
} as const;

/**
 * `struct msghdr` on 64-bit Linux, 56 bytes. musl has 32-bit `msg_iovlen` and `msg_controllen` with padding behind
 * them; on these little-endian machines a 64-bit write fills both forms.
 */
export const Msghdr = {
  size: 56,
  name: 0,
  nameLength: 8,
  iov: 16,
  iovLength: 24,
  control: 32,
  controlLength: 40,
  flags: 48,
} as const;

/** `struct mmsghdr`: a `msghdr`, and the bytes that were moved. */
export const Mmsghdr = { size: 64, length: 56 } as const;

/** `struct iovec`: base, length. */
export const Iovec = { size: 16, base: 0, length: 8 } as const;

/** `struct cmsghdr`: 8 bytes of length (musl: 4 and padding), level, type, data. */
export const Cmsghdr = { length: 0, level: 8, type: 12, data: 16 } as const;

/** `struct pollfd`. */
export const Pollfd = { size: 8, fd: 0, events: 4, revents: 6 } as const;

/** Whether poll(2) found something of the descriptor at this place of the `struct pollfd`s that begin at `at`. */
export function polled(view: DataView, at: number, place: number): boolean {
  return view.getUint16(at + place * Pollfd.size + Pollfd.revents, true) !== 0;
}

/** `struct sockaddr_in6` is 28 bytes, `struct sockaddr_in` 16. */
export const Sockaddr = { in6Size: 28, inSize: 16 } as const;
