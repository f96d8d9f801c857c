/** The packet loop on a kernel made of arrays: real memory layout, real OpenSSL, no thread, no interface, no socket. */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { Endpoint } from '../../src/core/lib/endpoint.js';
import { loopOptions, arenaLength, PacketLoop } from '../../src/core/dataplane/loop/loop.js';
import type { Event } from '../../src/core/dataplane/plane/messages.js';
import type { PacketIo, SendQueue } from '../../src/core/dataplane/loop/packet-io.js';
import {
  ControlWord,
  Drop,
  DeviceField,
  sharedMemory,
  type SharedMemory,
} from '../../src/core/dataplane/plane/shared.js';
import type { DropReason, PlaneLink } from '../../src/core/dataplane/plane/plane.js';
import { readSockaddr, sockaddrSize, writeSockaddr } from '../../src/core/native/sockaddr.js';
import { macOf as macOfId } from '../../src/core/identity/node-id.js';
import { Arena, mapLow } from '../../src/core/native/arena.js';
import { Errno } from '../../src/core/native/libc.js';
import { positionOf } from '../../src/core/topology/position.js';
import { Kind, PacketType, Suite } from '../../src/core/wire/packet.js';

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
  readonly datagramOffload: boolean;
  segment = 0;
  hops = 0;
  readonly from: number;
  readonly received: number;
  readonly deviceIn: Uint8Array[] = [];
  readonly deviceOut: DeviceFrame[] = [];
  readonly netIn: { bytes: Uint8Array; from: Endpoint; segment: number }[] = [];
  readonly netOut: Sent[] = [];
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

  sendMany(queue: SendQueue, first: number, count: number): number {
    for (let i = 0; i < count; i++) {
      const j = first + i;
      const [to, at, length, segment] = [queue.to[j], queue.at[j], queue.length[j], queue.segment[j]];
      const result = this.send(to as number, at as number, length as number, segment as number);
      if (result !== 0) return i > 0 ? i : result;
    }
    return count;
  }

  limitHops(hops: number): void {
    this.hops = hops;
  }
}

export const ipOf = (n: number): number => 0x0a90_0000 + n;
/** Ids of small numbers lie on the ring in their order. */
export const idOf = (n: number): Uint8Array => new Uint8Array(16).fill(n);
export const macOf = (n: number): Uint8Array => macOfId(idOf(n));
export const positionOfNode = (n: number): number => positionOf(idOf(n));
export const endpointOf = (n: number): Endpoint => ({ host: `192.0.2.${n}`, port: 7_000 + n });

/** Slot of node `other` in every rig. */
export const slotOf = (other: number): number => 10 + other;
export const indexOf = (node: number, other: number): number => 0x5000_0000 + node * 256 + other;
export const keyOf = (from: number, to: number): Uint8Array => new Uint8Array(32).fill(from * 16 + to);

/** A link as `setLinks` has it, by node numbers. Forwards and has an arc unless said otherwise. */
export interface RigLink {
  readonly n: number;
  readonly forwards?: boolean;
  readonly flood?: PlaneLink['flood'];
  /** Nodes that it has links to. */
  readonly neighbours?: readonly number[];
}

export interface MeetOptions {
  readonly suite?: Suite;
  readonly path?: boolean;
  readonly use?: boolean;
  readonly bridge?: boolean;
  readonly link?: boolean;
}

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
  /** Installs node `other` as a peer with keys and a direct path, and makes it a link unless told otherwise. */
  meet(other: number, options?: MeetOptions): void;
  /** Replaces the links; they name nodes. */
  link(links: readonly RigLink[], complete?: boolean): void;
  run(): void;
}

const arenas: number[] = [];

export function makeRig(
  n: number,
  shared = sharedMemory(),
  leaf = false,
  more: { bridge?: boolean; snooping?: boolean; datagramOffload?: boolean } = {},
): Rig {
  const { datagramOffload, ...groups } = more;
  // Mapped memory is kept for the next rig of the process: views of it may outlive the test.
  const length = arenaLength + 65_536;
  const address = arenas.pop() ?? mapLow(length);
  const arena = new Arena(length, address);
  const io = new ArrayIo(arena, datagramOffload);
  const events: Event[] = [];
  const time = { now: 1_000_000 };
  const met: RigLink[] = [];
  const loop = new PacketLoop(
    arena,
    io,
    shared,
    loopOptions({ nodeId: idOf(n), leaf, ip: ipOf(n), mac: macOf(n), mtu: 1350, ...groups }),
    () => time.now,
    (told) => events.push(...told),
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
      if (options.link === false) return;
      if (!met.some((l) => l.n === other)) met.push({ n: other });
      this.link(met);
    },
    link(links, complete = true) {
      loop.command({
        type: 'set-links',
        links: links.map((l) => ({
          slot: slotOf(l.n),
          forwards: l.forwards ?? true,
          flood: l.flood ?? 'range',
          neighbours: (l.neighbours ?? []).map(positionOfNode),
        })),
        complete,
      });
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

/** A datagram on its way between rigs. */
export interface Hop {
  readonly from: number;
  readonly to: number;
  readonly bytes: Uint8Array;
}

/** Delivers everything between the rigs, by their endpoints, until nothing moves. Returns the datagrams in order. */
export function settle(rigs: readonly Rig[], source = (from: Rig): Endpoint => endpointOf(from.n)): Hop[] {
  const hops: Hop[] = [];
  for (let moved = true; moved;) {
    moved = false;
    for (const from of rigs) {
      for (const sent of from.io.netOut.splice(0)) {
        moved = true;
        const to = rigs.find((rig) => endpointOf(rig.n).port === sent.to.port);
        const segment = sent.segment > 0 ? sent.segment : sent.bytes.length;
        for (let at = 0; at < sent.bytes.length; at += segment) {
          hops.push({ from: from.n, to: to?.n ?? 0, bytes: sent.bytes.slice(at, at + segment) });
        }
        to?.io.netIn.push({ bytes: sent.bytes, from: source(from), segment: sent.segment });
      }
    }
    for (const rig of rigs) rig.run();
    if (hops.length > 1_000_000) throw new Error('packets go in circles');
  }
  return hops;
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

let crafted = 0;

/** The associated data of a data packet: counter, the first three bytes of the header, length of the plaintext. */
function associated(packet: Uint8Array): Uint8Array {
  const length = packet.length - 32;
  return Uint8Array.of(...packet.subarray(8, 16), ...packet.subarray(0, 3), length >> 8, length & 0xff);
}

/** A data packet of node `from` to node `to` with any plaintext, under the keys of the rigs. Its number is never used twice. */
export function sealFor(from: number, to: number, plain: Uint8Array): Uint8Array {
  const counter = 1_000_000 + crafted++;
  const packet = Buffer.alloc(16 + plain.length + 16);
  packet[0] = PacketType.data;
  packet.writeUInt32LE(indexOf(to, from), 4);
  packet.writeUInt32BE(counter, 12);
  const nonce = Buffer.alloc(12);
  nonce.writeUInt32BE(counter, 8);
  const cipher = createCipheriv('aes-256-gcm', keyOf(from, to), nonce);
  cipher.setAAD(associated(packet));
  cipher.update(plain).copy(packet, 16);
  cipher.final();
  cipher.getAuthTag().copy(packet, 16 + plain.length);
  return new Uint8Array(packet);
}

/** The plaintext of such a packet, as whoever holds the key sees it. */
export function openAs(from: number, to: number, packet: Uint8Array): Uint8Array {
  const nonce = Buffer.concat([Buffer.alloc(4), packet.subarray(8, 16)]);
  const decipher = createDecipheriv('aes-256-gcm', keyOf(from, to), nonce);
  decipher.setAAD(associated(packet));
  decipher.setAuthTag(packet.subarray(packet.length - 16));
  const plain = decipher.update(packet.subarray(16, packet.length - 16));
  decipher.final();
  return new Uint8Array(plain);
}

/** The plaintext of an envelope (kind 0x20). */
export function envelope(destination: number, inner: Uint8Array, ttl = 32): Uint8Array {
  return Uint8Array.of(Kind.transit, ttl, 0, ...idOf(destination), ...inner);
}

/** The plaintext of a flood (kind 0x21) whose inner plaintext is kind and frame. */
export function floodOf(
  origin: number,
  sequence: number,
  inner: Uint8Array,
  more: { ttl?: number; flags?: number; bound?: number } = {},
): Uint8Array {
  const out = new Uint8Array(31 + inner.length);
  const view = new DataView(out.buffer);
  out.set([Kind.flood, more.ttl ?? 255, more.flags ?? 0, ...idOf(origin)]);
  view.setUint32(19, sequence, true);
  view.setBigUint64(23, BigInt(positionOfNode(more.bound ?? origin)) << 12n);
  out.set(inner, 31);
  return out;
}
