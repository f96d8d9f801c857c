/**
 * A Linux TAP interface with checksum and segmentation offload, set up through ioctls (`<linux/if_tun.h>`,
 * `<linux/sockios.h>`, netdevice(7)), so that no `ip` tool is needed. The kernel gives it its IPv6 link-local address.
 */
import { EvioError, type ErrorCode } from '../lib/errors.js';
import { Arena } from '../native/arena.js';
import { loadSocketFilter } from '../native/bpf.js';
import { errnoName, Errno, libc, OpenFlag, Socket, type Libc } from '../native/libc.js';
import { VirtioNetHdr, type Device, type DeviceOptions } from './device.js';
import { setIp6 } from './address6.js';
import { limitSuperFrames } from './super-frames.js';

const TUNSETIFF = 0x4004_54ca;
const TUNSETOFFLOAD = 0x4004_54d0;
const TUNSETVNETHDRSZ = 0x4004_54d8;
/** Since Linux 4.16. */
const TUNSETSTEERINGEBPF = 0x8004_54e0;
const IFF_TAP = 0x0002;
const IFF_NO_PI = 0x1000;
const IFF_VNET_HDR = 0x4000;
const IFF_MULTI_QUEUE = 0x0100;
const TUN_F_CSUM = 0x01;
const TUN_F_TSO4 = 0x02;
const TUN_F_TSO6 = 0x04;
const TUN_F_TSO_ECN = 0x08;
/** Both together, since Linux 6.2. */
const TUN_F_USO4 = 0x20;
const TUN_F_USO6 = 0x40;

const SIOCGIFFLAGS = 0x8913;
const SIOCSIFFLAGS = 0x8914;
const SIOCSIFADDR = 0x8916;
const SIOCSIFNETMASK = 0x891c;
const SIOCSIFMTU = 0x8922;
const SIOCSIFHWADDR = 0x8924;
const SIOCSIFTXQLEN = 0x8943;
const IFF_UP = 0x1;
const ARPHRD_ETHER = 1;

/**
 * Frames that the kernel keeps for us; its default of 1 000 overflows when a busy machine lets us wait for 10 ms of small
 * packets.
 */
const queueLength = 4_000;

/** `struct ifreq`: 16 bytes of name, a union of 24. */
const ifreqSize = 40;
const unionAt = 16;
const nameLimit = 15;

const tunPath = '/dev/net/tun';

function noTun(detail: string): EvioError {
  return new EvioError('EVIO_NO_TUN', `this system gives no TUN/TAP device (${tunPath}: ${detail})`, [
    'load the module: modprobe tun',
    'in a container: pass the device in, --device /dev/net/tun --cap-add NET_ADMIN',
  ]);
}

function noPrivilege(what: string): EvioError {
  return new EvioError('EVIO_NO_PRIVILEGE', `evio may not ${what}`, [
    'run it as root, or with the capability CAP_NET_ADMIN',
    'in a container: --cap-add NET_ADMIN --device /dev/net/tun',
  ]);
}

function inUse(name: string): EvioError {
  return new EvioError('EVIO_DEVICE', `the interface ${name} is in use by another program`, [
    'stop the other program, or let evio choose a name (evio%d)',
  ]);
}

class LinuxTap implements Device {
  readonly fds: [number, ...number[]];
  name = '';
  datagramOffload = false;
  ipv6 = false;
  /** More queues than one were wanted, but cannot be had in order. */
  single = false;
  readonly #libc: Libc;
  #closed = false;

  constructor(c: Libc, fd: number) {
    this.#libc = c;
    this.fds = [fd];
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const fd of this.fds) this.#libc.close(fd);
  }
}

/**
 * Creates the interface, gives it its addresses and brings it up. On any failure nothing is left behind.
 * Throws EVIO_NO_TUN, EVIO_NO_PRIVILEGE, EVIO_NO_NATIVE or EVIO_DEVICE.
 */
export function createTap(options: DeviceOptions): Device {
  const c = libc();
  const arena = new Arena(4096);
  const at = arena.alloc(64);
  const pointer = arena.base + at;
  if (Buffer.byteLength(options.name) > nameLimit || options.name === '' || /[\s/]/.test(options.name)) {
    throw new EvioError('EVIO_DEVICE', `“${options.name}” cannot be the name of an interface`, [
      `choose a name of at most ${nameLimit} bytes without spaces or slashes`,
    ]);
  }
  arena.setText(at, tunPath);
  const fd = c.open(pointer, OpenFlag.readWrite | OpenFlag.nonblock | OpenFlag.cloexec);
  if (fd < 0) {
    const errno = c.errno();
    if (errno === Errno.EACCES || errno === Errno.EPERM) throw noPrivilege(`open ${tunPath}`);
    throw noTun(errnoName(errno));
  }
  const tap = new LinuxTap(c, fd);
  const control = c.socket(Socket.AF_INET, Socket.SOCK_DGRAM | Socket.SOCK_CLOEXEC, 0);
  try {
    arena.u8.fill(0, at, at + ifreqSize);
    const { queues = 1 } = options;
    const flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (queues > 1 ? IFF_MULTI_QUEUE : 0);
    arena.setText(at, options.name);
    // An interface that is there already would get one queue more.
    if (queues > 1 && c.if_nametoindex(pointer) !== 0) throw inUse(options.name);
    arena.view.setUint16(at + unionAt, flags, true);
    check(c, c.ioctl(fd, TUNSETIFF, pointer), 'create the interface', options.name);
    tap.name = readName(arena, at);
    if (queues > 1 && !steer(c, arena, fd)) tap.single = true;
    while (tap.fds.length < (tap.single ? 1 : queues)) {
      arena.setText(at, tunPath);
      const queue = c.open(pointer, OpenFlag.readWrite | OpenFlag.nonblock | OpenFlag.cloexec);
      check(c, queue, 'open a queue of', tap.name);
      tap.fds.push(queue);
      arena.u8.fill(0, at, at + ifreqSize);
      arena.setText(at, tap.name);
      arena.view.setUint16(at + unionAt, flags, true);
      check(c, c.ioctl(queue, TUNSETIFF, pointer), 'add a queue to', tap.name);
    }
    arena.view.setInt32(at, VirtioNetHdr.size, true);
    check(c, c.ioctl(fd, TUNSETVNETHDRSZ, pointer), 'set the header size of', tap.name);
    const offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
    tap.datagramOffload = c.ioctl(fd, TUNSETOFFLOAD, offload | TUN_F_USO4 | TUN_F_USO6) >= 0;
    if (!tap.datagramOffload) check(c, c.ioctl(fd, TUNSETOFFLOAD, offload), 'set the offloads of', tap.name);
    configure(c, arena, at, control, tap.name, options);
    arena.setText(at, tap.name);
    tap.ipv6 = options.ip6 !== null && setIp6(c.if_nametoindex(pointer), options.ip6);
    return tap;
  } catch (thrown) {
    tap.close();
    throw thrown;
  } finally {
    if (control >= 0) c.close(control);
  }
}

/**
 * Has the kernel choose the queue of a frame by its destination address: left to itself it goes by ports, which fragments
 * do not show, so that they and the rest of their flow would be in different queues. False where it is not permitted.
 */
function steer(c: Libc, arena: Arena, fd: number): boolean {
  const program = loadSocketFilter(arena, [
    // r6 = r1: where BPF_LD | BPF_ABS looks for the frame.
    [0xbf, 6, 1, 0, 0],
    // r0 = the last four bytes of the destination.
    [0x20, 0, 0, 0, 2],
    [0x95, 0, 0, 0, 0],
  ]);
  if (program < 0) return false;
  const at = arena.alloc(8);
  arena.view.setInt32(at, program, true);
  const done = c.ioctl(fd, TUNSETSTEERINGEBPF, arena.base + at) >= 0;
  c.close(program);
  return done;
}

function configure(
  c: Libc,
  arena: Arena,
  at: number,
  control: number,
  name: string,
  options: DeviceOptions,
): void {
  const { u8, view } = arena;
  const request = (code: number, what: string): void => {
    check(c, c.ioctl(control, code, arena.base + at), what, name);
  };
  const begin = (): void => {
    u8.fill(0, at, at + ifreqSize);
    arena.setText(at, name);
  };
  begin();
  view.setUint16(at + unionAt, ARPHRD_ETHER, true);
  u8.set(options.mac.subarray(0, 6), at + unionAt + 2);
  request(SIOCSIFHWADDR, 'set the MAC address of');
  begin();
  view.setInt32(at + unionAt, options.mtu, true);
  request(SIOCSIFMTU, 'set the MTU of');
  begin();
  view.setInt32(at + unionAt, queueLength, true);
  request(SIOCSIFTXQLEN, 'set the queue of');
  if (options.superFrame !== undefined)
    limitSuperFrames(c, arena, c.if_nametoindex(arena.base + at), options.superFrame);
  begin();
  view.setUint16(at + unionAt, Socket.AF_INET, true);
  view.setUint32(at + unionAt + 4, options.ip);
  request(SIOCSIFADDR, 'set the address of');
  begin();
  view.setUint16(at + unionAt, Socket.AF_INET, true);
  view.setUint32(at + unionAt + 4, options.prefix === 0 ? 0 : (-1 << (32 - options.prefix)) >>> 0);
  request(SIOCSIFNETMASK, 'set the prefix of');
  begin();
  request(SIOCGIFFLAGS, 'read the flags of');
  view.setUint16(at + unionAt, view.getUint16(at + unionAt, true) | IFF_UP, true);
  request(SIOCSIFFLAGS, 'bring up');
}

function readName(arena: Arena, at: number): string {
  let end = at;
  while (end < at + 16 && arena.u8[end] !== 0) end++;
  return Buffer.from(arena.u8.subarray(at, end)).toString('utf8');
}

function check(c: Libc, result: number, what: string, name: string): void {
  if (result >= 0) return;
  const errno = c.errno();
  if (errno === Errno.EPERM || errno === Errno.EACCES) throw noPrivilege(`${what} ${name}`);
  const code: ErrorCode = 'EVIO_DEVICE';
  if (errno === Errno.EBUSY) throw inUse(name);
  throw new EvioError(code, `evio could not ${what} ${name}: ${errnoName(errno)}`, ['see `evio doctor`']);
}
