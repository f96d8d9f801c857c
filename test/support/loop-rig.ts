/** The packet loop on a kernel made of arrays: real memory layout, real OpenSSL, no thread, no interface, no socket. */
import type { Endpoint } from '../../src/core/lib/endpoint.js';
import { loopOptions, arenaLength, PacketLoop } from '../../src/core/dataplane/loop.js';
import type { Event } from '../../src/core/dataplane/messages.js';
import type { PacketIo } from '../../src/core/dataplane/packet-io.js';
import {
  ControlWord,
  Drop,
  DeviceField,
  sharedMemory,
  type SharedMemory,
} from '../../src/core/dataplane/shared.js';
import type { DropReason } from '../../src/core/dataplane/plane.js';
import { readSockaddr, sockaddrSize, writeSockaddr } from '../../src/core/dataplane/sockaddr.js';
import { Arena, mapLow } from '../../src/core/native/arena.js';
import { Errno } from '../../src/core/native/libc.js';
import { Suite } from '../../src/core/wire/packet.js';

export interface Sent {
  readonly to: Endpoint;
  readonly bytes: Uint8Array;
  readonly segment: number;
  /** Limit of routers in force when it was sent; 0 is the default. */
  readonly hops: number;
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

export class ArrayIo implements PacketIo {
  segment = 0;
  hops = 0;
  readonly from: number;
  readonly deviceIn: Uint8Array[] = [];
  readonly deviceOut: DeviceFrame[] = [];
  readonly netIn: { bytes: Uint8Array; from: Endpoint; segment: number }[] = [];
  readonly netOut: Sent[] = [];
  /** Result of every send, by turns; 0 when used up. */
  sendResults: number[] = [];
  readonly #arena: Arena;

  constructor(arena: Arena) {
    this.#arena = arena;
    this.from = arena.alloc(sockaddrSize);
  }

  readDevice(at: number, max: number): number {
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

  receive(at: number, max: number): number {
    const next = this.netIn.shift();
    if (!next) return -Errno.EAGAIN;
    if (next.bytes.length > max) throw new Error('datagrams larger than the buffer');
    this.#arena.u8.set(next.bytes, at);
    writeSockaddr(this.#arena.u8, this.#arena.view, this.from, next.from);
    this.segment = next.segment || next.bytes.length;
    return next.bytes.length;
  }

  send(to: number, at: number, length: number, segment: number): number {
    const result = this.sendResults.shift() ?? 0;
    if (result !== 0) return result;
    const { u8, view } = this.#arena;
    if (length > 65_507) return -Errno.EMSGSIZE;
    this.netOut.push({
      to: readSockaddr(u8, view, to),
      bytes: u8.slice(at, at + length),
      segment,
      hops: this.hops,
    });
    return 0;
  }

  limitHops(hops: number): void {
    this.hops = hops;
  }
}

export const macOf = (n: number): Uint8Array => Uint8Array.of(2, 0, 0, 0, 0, n);
export const ipOf = (n: number): number => 0x0a90_0000 + n;
export const idOf = (n: number): Uint8Array => new Uint8Array(16).fill(n);
export const endpointOf = (n: number): Endpoint => ({ host: `192.0.2.${n}`, port: 7_000 + n });

/** Slot of node `other` in every rig. */
export const slotOf = (other: number): number => 10 + other;
export const indexOf = (node: number, other: number): number => 0x5000_0000 + node * 256 + other;
const keyOf = (from: number, to: number): Uint8Array => new Uint8Array(32).fill(from * 16 + to);

export interface Rig {
  readonly n: number;
  readonly io: ArrayIo;
  readonly loop: PacketLoop;
  readonly shared: SharedMemory;
  readonly events: Event[];
  readonly arena: Arena;
  /** Milliseconds that the loop sees. */
  time: { now: number };
  drops(reason: DropReason): number;
  /** Installs node `other` as a peer with keys and a direct path. */
  meet(other: number, options?: { suite?: Suite; path?: boolean; use?: boolean; bridge?: boolean }): void;
  run(): void;
}

const arenas: number[] = [];

export function makeRig(n: number, shared = sharedMemory()): Rig {
  // Mapped memory is kept for the next rig of the process: views of it may outlive the test.
  const length = arenaLength + 65_536;
  const address = arenas.pop() ?? mapLow(length);
  const arena = new Arena(length, address);
  const io = new ArrayIo(arena);
  const events: Event[] = [];
  const time = { now: 1_000_000 };
  const loop = new PacketLoop(
    arena,
    io,
    shared,
    loopOptions(ipOf(n), macOf(n), 1350),
    () => time.now,
    (more) => events.push(...more),
  );
  Atomics.store(shared.control, ControlWord.stop, 0);
  return {
    n,
    io,
    loop,
    shared,
    events,
    arena,
    time,
    drops: (reason) => shared.device[DeviceField.drops + Drop[reason]] as number,
    meet(other, options = {}) {
      const slot = slotOf(other);
      const guard = { mac: macOf(other), ip: ipOf(other), bridge: options.bridge ?? false };
      loop.command({ type: 'add-peer', slot, nodeId: idOf(other), guard });
      const keys = {
        localIndex: indexOf(n, other),
        remoteIndex: indexOf(other, n),
        suite: options.suite ?? Suite.aes256gcm,
        sendKey: keyOf(n, other),
        receiveKey: keyOf(other, n),
      };
      loop.command({ type: 'add-key', slot, keys, replayed: false });
      if (options.use !== false) loop.command({ type: 'use-key', slot, localIndex: keys.localIndex });
      if (options.path !== false) {
        loop.command({ type: 'set-path', slot, path: { kind: 'direct', endpoint: endpointOf(other) } });
      }
    },
    run() {
      while (loop.round());
    },
  };
}

/** Delivers what `from` sent to `to`; returns how many datagrams. */
export function carryOver(from: Rig, to: Rig, source = endpointOf(from.n)): number {
  let datagrams = 0;
  for (const sent of from.io.netOut.splice(0)) {
    datagrams += sent.segment > 0 ? Math.ceil(sent.bytes.length / sent.segment) : 1;
    to.io.netIn.push({ bytes: sent.bytes, from: source, segment: sent.segment });
  }
  to.run();
  return datagrams;
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
