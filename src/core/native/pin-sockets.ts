/**
 * UDP sockets that a library of this process makes, pinned to an interface (SO_BINDTODEVICE, socket(7)): for libraries that have
 * no option for it. They are found among the descriptors of the process, by the ports that the library was given.
 */
import { readdirSync } from 'node:fs';
import { Arena } from './arena.js';
import { libc, Socket } from './libc.js';

const SO_TYPE = 3;
const SO_BINDTODEVICE = 25;
/** Room for any sockaddr, and for the name of an interface. */
const roomBytes = 128;

/** Ports that are a library's alone, both included. */
export interface PortRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Runs `make`, and pins the UDP sockets with a port of the range that the process has since. What a socket sends before it is pinned
 * goes where the routes lead. Needs no privilege since Linux 5.7.
 *
 * @returns how many were pinned; 0 also where /proc cannot be read, or the kernel refuses
 */
export function pinSockets(device: string, range: PortRange, make: () => void): number {
  const sockets = new Sockets();
  const before = new Set(sockets.within(range));
  make();
  return sockets.within(range).filter((fd) => !before.has(fd) && sockets.pin(fd, device)).length;
}

class Sockets {
  readonly #arena = new Arena(3 * roomBytes);
  readonly #value = this.#arena.alloc(roomBytes);
  readonly #length = this.#arena.alloc(8);

  /** UDP sockets of this process with such a port. */
  within({ first, last }: PortRange): number[] {
    return descriptors().filter((fd) => {
      const port = this.#portOf(fd);
      return port >= first && port <= last;
    });
  }

  pin(fd: number, device: string): boolean {
    this.#arena.setText(this.#value, device);
    const { SOL_SOCKET } = Socket;
    const at = this.#arena.base + this.#value;
    return libc().setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, at, Buffer.byteLength(device) + 1) === 0;
  }

  /** 0: no UDP socket. */
  #portOf(fd: number): number {
    const c = libc();
    const { base, view } = this.#arena;
    const [value, length] = [this.#value, this.#length];
    const sized = (bytes: number): number => {
      view.setUint32(length, bytes, true);
      return base + length;
    };
    if (c.getsockopt(fd, Socket.SOL_SOCKET, SO_TYPE, base + value, sized(4)) !== 0) return 0;
    if (view.getUint32(value, true) !== Socket.SOCK_DGRAM) return 0;
    if (c.getsockname(fd, base + value, sized(roomBytes)) !== 0) return 0;
    const family = view.getUint16(value, true);
    // sin_port and sin6_port stand at the same place, in the order of the network.
    return family === Socket.AF_INET || family === Socket.AF_INET6 ? view.getUint16(value + 2) : 0;
  }
}

function descriptors(): number[] {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    return [];
  }
}
