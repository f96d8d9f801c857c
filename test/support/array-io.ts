/** A packet port made of arrays: what the loop reads from and writes to interface and socket, without a kernel. */
import type { PacketIo, SendQueue } from '../../src/core/dataplane/loop/packet-io.js';
import type { Endpoint } from '../../src/core/lib/endpoint.js';
import type { Arena } from '../../src/core/native/arena.js';
import { Errno } from '../../src/core/native/libc.js';
import { readSockaddr, sockaddrSize, writeSockaddr } from '../../src/core/native/sockaddr.js';

export interface Sent {
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  readonly segment: number;
  /** Limit of routers in force when it was sent; 0 is the default. */
  readonly hops: number;
  /** It must not be fragmented. */
  readonly whole: boolean;
  /** Of a hole; 0: the data socket. */
  readonly socket: number;
}

/** A virtio header and a frame, as they cross the device. */
export interface DeviceFrame {
  readonly flags: number;
  readonly type: number;
  readonly headerLength: number;
  readonly size: number;
  readonly start: number;
  readonly offset: number;
  readonly frame: Uint8Array;
}

/** Bytes of arena that it takes. */
export const arrayIoBytes = 70_000 + 256;

export class ArrayIo implements PacketIo {
  readonly datagramOffload: boolean;
  segment = 0;
  hops = 0;
  whole = false;
  readonly from: number;
  readonly received: number;
  readonly deviceIn: Uint8Array[] = [];
  readonly deviceOut: DeviceFrame[] = [];
  readonly netIn: { bytes: Uint8Array; from: Endpoint; segment: number; hole?: number }[] = [];
  /** Sockets of holes that are looked at. */
  readonly listening = new Map<number, number>();
  hole = -1;
  readonly netOut: Sent[] = [];
  /** The interface was removed. */
  deviceGone = false;
  /** Result of every send, by turns; 0 when used up. */
  sendResults: number[] = [];
  readonly #arena: Arena;

  constructor(arena: Arena, datagramOffload = true) {
    this.#arena = arena;
    this.datagramOffload = datagramOffload;
    this.from = arena.alloc(sockaddrSize);
    this.received = arena.alloc(70_000);
  }

  readDevice(at: number, max: number): number {
    if (this.deviceGone) return -Errno.EBADFD;
    const bytes = this.deviceIn.shift();
    if (!bytes) return -Errno.EAGAIN;
    if (bytes.length > max) throw new Error('frame larger than the buffer it is read into');
    this.#arena.u8.set(bytes, at);
    return bytes.length;
  }

  writeDevice(at: number, length: number): number {
    const { view, u8 } = this.#arena;
    if (at < 0 || length < 10 + 14 || length > 10 + 65_557)
      throw new Error(`write of ${length} bytes at ${at}`);
    const offset = view.getUint16(at + 8, true);
    const start = view.getUint16(at + 6, true);
    const flags = u8[at] as number;
    if ((flags & 1) !== 0 && start + offset + 2 > length - 10) return -Errno.EINVAL;
    this.deviceOut.push({
      flags,
      type: u8[at + 1] as number,
      headerLength: view.getUint16(at + 2, true),
      size: view.getUint16(at + 4, true),
      start,
      offset,
      frame: u8.slice(at + 10, at + length),
    });
    return length;
  }

  receive(): number {
    const next = this.netIn.shift();
    if (!next) return -Errno.EAGAIN;
    if (next.bytes.length > 65_535) throw new Error('datagrams larger than the buffer');
    this.#arena.u8.set(next.bytes, this.received);
    writeSockaddr(this.#arena.u8, this.#arena.view, this.from, next.from);
    this.segment = next.segment || next.bytes.length;
    this.hole = next.hole ?? -1;
    return next.bytes.length;
  }

  listen(hole: number, socket: number): void {
    if (socket > 0) this.listening.set(hole, socket);
    else this.listening.delete(hole);
  }

  send(to: number, at: number, length: number, segment: number, socket: number): number {
    const result = this.sendResults.shift() ?? 0;
    if (result !== 0) return result;
    const { u8, view } = this.#arena;
    if (length > 65_507) return -Errno.EMSGSIZE;
    this.netOut.push({
      to: readSockaddr(u8, view, to),
      bytes: u8.slice(at, at + length),
      segment,
      hops: this.hops,
      whole: this.whole,
      socket,
    });
    return 0;
  }

  sendMany(queue: SendQueue, first: number, count: number): number {
    for (let i = 0; i < count; i++) {
      const j = first + i;
      const [to, at, length, segment] = [queue.to[j], queue.at[j], queue.length[j], queue.segment[j]];
      const socket = queue.socket[j] as number;
      const result = this.send(to as number, at as number, length as number, segment as number, socket);
      if (result !== 0) return i > 0 ? i : result;
    }
    return count;
  }

  limitHops(hops: number): void {
    this.hops = hops;
  }

  keepWhole(on: boolean): void {
    this.whole = on;
  }
}

/** A frame as the device hands it over: virtio header before it. */
export function fromDevice(
  frame: Uint8Array,
  header: {
    flags?: number;
    type?: number;
    headerLength?: number;
    size?: number;
    start?: number;
    offset?: number;
  } = {},
): Uint8Array {
  const out = new Uint8Array(10 + frame.length);
  const view = new DataView(out.buffer);
  out[0] = header.flags ?? 0;
  out[1] = header.type ?? 0;
  view.setUint16(2, header.headerLength ?? 0, true);
  view.setUint16(4, header.size ?? 0, true);
  view.setUint16(6, header.start ?? 0, true);
  view.setUint16(8, header.offset ?? 0, true);
  out.set(frame, 10);
  return out;
}
