/** Sockets of the machine this runs on: loopback only, no privilege needed. */
import { afterEach, describe, expect, it } from 'vitest';
import { KernelIo } from '../../../src/core/dataplane/loop/kernel-io.js';
import { SendQueue } from '../../../src/core/dataplane/loop/packet-io.js';
import { readSockaddr, writeSockaddr } from '../../../src/core/native/sockaddr.js';
import { openUdp, type UdpSocket } from '../../../src/core/dataplane/plane/udp-socket.js';
import { sharePort } from '../../../src/core/native/udp-socket.js';
import { EvioError } from '../../../src/core/lib/errors.js';
import { Arena } from '../../../src/core/native/arena.js';
import { Errno, errnoName, libc, Socket } from '../../../src/core/native/libc.js';

const open: UdpSocket[] = [];
function udp(port = 0, host?: string, shared = false): UdpSocket {
  const socket = openUdp(port, host, shared);
  open.push(socket);
  return socket;
}
afterEach(() => {
  for (const socket of open.splice(0)) libc().close(socket.fd);
});

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (thrown) {
    if (thrown instanceof EvioError) return thrown.code;
    throw thrown;
  }
  return 'none';
}

describe('openUdp', () => {
  it('takes any port, and says when one is taken', () => {
    const first = udp();
    expect(first.port).toBeGreaterThan(0);
    expect(codeOf(() => udp(first.port))).toBe('EVIO_ADDRESS_IN_USE');
    expect(codeOf(() => udp(first.port, undefined, true))).toBe('EVIO_ADDRESS_IN_USE');
    sharePort(first.fd);
    expect(udp(first.port, undefined, true).port).toBe(first.port);
  });

  it('binds to one address, and refuses what is none of ours', () => {
    expect(udp(0, '127.0.0.1').port).toBeGreaterThan(0);
    expect(codeOf(() => udp(0, 'localhost'))).toBe('EVIO_BAD_VALUE');
    expect(codeOf(() => udp(0, '203.0.113.77'))).toBe('EVIO_BAD_VALUE');
  });
});

/** An AF_INET socket, as on a machine without IPv6. */
function udp4(): UdpSocket {
  const c = libc();
  const arena = new Arena(64);
  const fd = c.socket(Socket.AF_INET, Socket.SOCK_DGRAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC, 0);
  arena.view.setUint16(0, Socket.AF_INET, true);
  c.bind(fd, arena.base, 16);
  arena.view.setUint32(32, 16, true);
  c.getsockname(fd, arena.base, arena.base + 32);
  arena.view.setInt32(40, 1, true);
  c.setsockopt(fd, Socket.SOL_UDP, Socket.UDP_GRO, arena.base + 40, 4);
  const socket = { fd, port: arena.view.getUint16(2), ipv6: false };
  open.push(socket);
  return socket;
}

describe.each([
  ['a dual-stack socket', () => udp()],
  ['an IPv4 socket', udp4],
])('KernelIo on %s', (_name, make) => {
  const arena = new Arena(1 << 23);
  const data = arena.alloc(70_000);
  const to = arena.alloc(28);

  function pair(): { a: KernelIo; from: UdpSocket; other: UdpSocket } {
    const from = make();
    const other = make();
    writeSockaddr(arena.u8, arena.view, to, { host: '127.0.0.1', port: other.port });
    return {
      a: new KernelIo(arena, { tapFd: -1, datagramOffload: false, udpFd: from.fd, ipv6: from.ipv6 }),
      from,
      other,
    };
  }

  it('sends many datagrams at once and receives them with their length', () => {
    const { a, from, other } = pair();
    for (let i = 0; i < 2_500; i++) arena.u8[data + i] = i;
    expect(a.send(to, data, 2_500, 1_000, 0)).toBe(0);
    const arenaB = new Arena(1 << 20);
    const b = new KernelIo(arenaB, { tapFd: -1, datagramOffload: false, udpFd: other.fd, ipv6: other.ipv6 });
    const got: number[] = [];
    while (got.length < 2_500) {
      const n = b.receive();
      expect(n).toBeGreaterThan(0);
      expect(n > 1_000 ? b.segment : n).toBe(n > 1_000 ? 1_000 : n);
      got.push(...arenaB.u8.subarray(b.received, b.received + n));
      expect(readSockaddr(arenaB.u8, arenaB.view, b.from)).toEqual({ host: '127.0.0.1', port: from.port });
    }
    expect(Uint8Array.from(got)).toEqual(arena.u8.slice(data, data + 2_500));
    expect(b.receive()).toBe(-Errno.EAGAIN);
    expect(b.receive()).toBe(-Errno.EAGAIN);
  });

  it('sends trains of any lengths at once, and receives several at once, each with its sender', () => {
    const { a, other } = pair();
    const second = pair();
    writeSockaddr(arena.u8, arena.view, to, { host: '127.0.0.1', port: other.port });
    const arenaB = new Arena(1 << 20);
    const b = new KernelIo(arenaB, { tapFd: -1, datagramOffload: false, udpFd: other.fd, ipv6: other.ipv6 });
    for (let i = 0; i < 20_000; i++) arena.u8[data + i] = i * 7;
    const queue = new SendQueue();
    // More than one receive call takes; a train of three, one of two with a shorter end, and single datagrams.
    const trains = [
      [300, 100],
      [70, 0],
      [190, 100],
      ...Array.from({ length: 12 }, (_, i) => [500 - 30 * i, 0] as const),
    ] as const;
    let used = 0;
    trains.forEach(([length, segment], i) => {
      queue.to[i] = to;
      queue.at[i] = data + used;
      queue.length[i] = length;
      queue.segment[i] = segment;
      used += length;
    });
    expect(a.sendMany(queue, 0, 5)).toBe(5);
    expect(a.sendMany(queue, 5, trains.length - 5)).toBe(trains.length - 5);
    expect(second.a.send(to, data, 11, 0, 0)).toBe(0);
    const got: number[] = [];
    const ports = new Set<number>();
    for (let empty = 0; empty < 2;) {
      const n = b.receive();
      if (n < 0) {
        empty++;
        continue;
      }
      ports.add(readSockaddr(arenaB.u8, arenaB.view, b.from).port);
      got.push(...arenaB.u8.subarray(b.received, b.received + n));
    }
    expect(Uint8Array.from(got.slice(0, used))).toEqual(arena.u8.slice(data, data + used));
    expect(got.length).toBe(used + 11);
    expect(ports.size).toBe(2);
  });

  it('sends and receives by the sockets of holes, each in its turn', () => {
    const { a, from } = pair();
    const [ours, theirs] = [udp4(), udp4()];
    a.listen(3, ours.fd);
    expect(a.sockets).toEqual([from.fd, ours.fd]);
    writeSockaddr(arena.u8, arena.view, to, { host: '127.0.0.1', port: theirs.port });
    const b = new KernelIo(arena, { tapFd: -1, datagramOffload: false, udpFd: theirs.fd, ipv6: false });
    const sender = (): number => {
      expect(b.receive()).toBeGreaterThan(0);
      return readSockaddr(arena.u8, arena.view, b.from).port;
    };
    expect(a.send(to, data, 2_500, 1_000, ours.fd)).toBe(0);
    expect(sender()).toBe(ours.port);
    const queue = new SendQueue();
    for (let i = 0; i < 2; i++)
      [queue.to[i], queue.at[i], queue.length[i], queue.socket[i]] = [to, data, 9, ours.fd];
    while (b.receive() > 0);
    expect(a.sendMany(queue, 0, 2)).toBe(2);
    expect([sender(), sender()]).toEqual([ours.port, ours.port]);
    // By the data socket as before: its addresses may be of another length.
    expect(a.send(to, data, 9, 0, 0)).toBe(0);
    while (b.receive() < 0);
    expect(readSockaddr(arena.u8, arena.view, b.from).port).toBe(from.port);

    // The data socket is full, and the hole has its turn.
    const back = arena.alloc(28);
    writeSockaddr(arena.u8, arena.view, back, { host: '127.0.0.1', port: from.port });
    for (let i = 0; i < 40; i++) expect(b.send(back, data, 1 + (i % 2), 0, 0)).toBe(0);
    writeSockaddr(arena.u8, arena.view, back, { host: '127.0.0.1', port: ours.port });
    expect(b.send(back, data, 30, 0, 0)).toBe(0);
    const came: number[] = [];
    for (let n = a.receive(); n > 0; n = a.receive()) came.push(a.hole);
    expect(came.length).toBeGreaterThan(8);
    expect(came.filter((hole) => hole === 3).length).toBe(1);
    expect(came.indexOf(3)).toBeLessThanOrEqual(8);
    a.listen(3, 0);
    expect(a.sockets).toEqual([from.fd]);
    expect(b.send(back, data, 30, 0, 0)).toBe(0);
    expect(a.receive()).toBe(-Errno.EAGAIN);
  });

  it('tells how many trains went before the one that did not', () => {
    const { a, other } = pair();
    const nowhere = arena.alloc(28);
    writeSockaddr(arena.u8, arena.view, to, { host: '127.0.0.1', port: other.port });
    writeSockaddr(arena.u8, arena.view, nowhere, { host: '127.0.0.1', port: 0 });
    const queue = new SendQueue();
    for (let i = 0; i < 4; i++) {
      queue.to[i] = i === 2 ? nowhere : to;
      queue.at[i] = data;
      queue.length[i] = 10;
    }
    expect(a.sendMany(queue, 0, 4)).toBe(2);
    expect(a.sendMany(queue, 2, 2)).toBe(-Errno.EINVAL);
    expect(a.sendMany(queue, 3, 1)).toBe(1);
  });

  it('reports errors and survives them', () => {
    const { a } = pair();
    expect(a.send(to, data, 65_508, 0, 0)).toBe(-Errno.EMSGSIZE);
    writeSockaddr(arena.u8, arena.view, to, { host: '127.0.0.1', port: 0 });
    expect(a.send(to, data, 10, 0, 0)).toBe(-Errno.EINVAL);
    expect(a.readDevice(data, 100)).toBe(-Errno.EBADF);
    expect(a.writeDevice(data, 100)).toBe(-Errno.EBADF);
    expect([errnoName(98), errnoName(4_000)]).toEqual(['EADDRINUSE', 'errno 4000']);
  });
});

describe('without IPv6', () => {
  it('cannot send to an IPv6 address, and says so', () => {
    const arena = new Arena(1 << 20);
    const socket = udp4();
    const io = new KernelIo(arena, { tapFd: -1, datagramOffload: false, udpFd: socket.fd, ipv6: false });
    const to = arena.alloc(28);
    writeSockaddr(arena.u8, arena.view, to, { host: '2001:db8::1', port: 9 });
    expect(io.send(to, arena.alloc(64), 10, 0, 0)).toBe(-Errno.EAFNOSUPPORT);
  });
});
