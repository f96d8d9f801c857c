/**
 * The sockets of holes as the packet threads know them: each hole has one descriptor for good. A socket is put there (dup3(2)), and an
 * idle one when it goes, as `rebind` does with the data socket: a thread that has not heard yet uses no descriptor that means something
 * else by now.
 */
import { EvioError } from '../../lib/errors.js';
import { errnoName, libc, Socket } from '../../native/libc.js';
import { deepen, pinUdp, setHops } from '../../native/udp-socket.js';
import { bufferBytes } from './udp-socket.js';

export class HolePlaces {
  readonly #places = new Map<number, number>();
  readonly #used = new Set<number>();
  /** Used when `descriptors` was asked last, and by the same socket since. */
  #same = new Set<number>();
  #pin = 0;

  /** The place where the socket is from now on, too. Throws EvioError EVIO_DEVICE. */
  take(hole: number, fd: number): number {
    const place = this.#places.get(hole) ?? idleSocket();
    this.#places.set(hole, place);
    put(fd, place);
    // What opened the hole may not have been meant to reach the peer.
    setHops(place);
    deepen(place, false, bufferBytes);
    pinUdp({ fd: place, ipv6: false }, this.#pin, 0);
    this.#used.add(hole);
    this.#same.delete(hole);
    return place;
  }

  /** Of those in use, by their numbers: for another process. */
  descriptors(): Map<number, number> {
    this.#same = new Set(this.#used);
    return new Map([...this.#places].filter(([hole]) => this.#used.has(hole)));
  }

  /** Those whose sockets the other process has. */
  get same(): readonly number[] {
    return [...this.#same];
  }

  drop(hole: number): void {
    const place = this.#places.get(hole);
    if (place === undefined || !this.#used.delete(hole)) return;
    this.#same.delete(hole);
    const idle = idleSocket();
    put(idle, place);
    libc().close(idle);
  }

  /** See `DataPlane.pin`; of sockets that come later, too. */
  pin(v4: number): void {
    this.#pin = v4;
    for (const [hole, fd] of this.#places) if (this.#used.has(hole)) pinUdp({ fd, ipv6: false }, v4, 0);
  }

  /** No thread runs any more. */
  close(): void {
    for (const fd of this.#places.values()) libc().close(fd);
    this.#places.clear();
    this.#used.clear();
    this.#same.clear();
  }
}

/** It is bound to nothing, so nothing comes. */
function idleSocket(): number {
  const fd = libc().socket(Socket.AF_INET, Socket.SOCK_DGRAM | Socket.SOCK_NONBLOCK | Socket.SOCK_CLOEXEC, 0);
  if (fd < 0) throw noSocket();
  return fd;
}

function put(fd: number, place: number): void {
  if (libc().dup3(fd, place, closeOnExec) < 0) throw noSocket();
}

/** O_CLOEXEC; SOCK_CLOEXEC is the same (socket(2)). */
const closeOnExec = Socket.SOCK_CLOEXEC;

function noSocket(): EvioError {
  return new EvioError('EVIO_DEVICE', `no UDP socket: ${errnoName(libc().errno())}`);
}
