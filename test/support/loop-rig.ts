/** The packet loop on a kernel made of arrays: real memory layout, real OpenSSL, no thread, no interface, no socket. */
import { createCipheriv } from 'node:crypto';
import type { Endpoint } from '../../src/core/lib/endpoint.js';
import { loopOptions, arenaLength, PacketLoop } from '../../src/core/dataplane/loop/loop.js';
import type { Event } from '../../src/core/dataplane/plane/messages.js';
import { Drop, DeviceField, sharedMemory, type SharedMemory } from '../../src/core/dataplane/plane/shared.js';
import type { DropReason, PlaneLink } from '../../src/core/dataplane/plane/plane.js';
import { macOf as macOfId } from '../../src/core/identity/node-id.js';
import { Arena, mapLow } from '../../src/core/native/arena.js';
import { positionOf } from '../../src/core/topology/position.js';
import { Kind, PacketType, Suite } from '../../src/core/wire/packet.js';
import { ArrayIo } from './array-io.js';
import { floodKeys } from './floods.js';
import { associated, openWith } from './sealed.js';

/** The upper half of the members' IPv6 addresses. */
export const prefix6 = Uint8Array.of(0xfd, 0, 6, 5, 0, 0, 0, 7);
/** The same as the guard takes it. */
export const words6: readonly [number, number] = [0xfd00_0605 | 0, 7];

export { fromDevice } from './array-io.js';

export const ipOf = (n: number): number => 0x0a90_0000 + n;
/** Ids of small numbers lie on the ring in their order. */
export const idOf = (n: number): Uint8Array => new Uint8Array(16).fill(n);
export const macOf = (n: number): Uint8Array => macOfId(idOf(n));
export const positionOfNode = (n: number): number => positionOf(idOf(n));
/** The key with which a node signs its floods. */
export const seedOf = (n: number): Uint8Array => new Uint8Array(32).fill(n);
export const publicKeyOf = (n: number): Uint8Array => floodKeys(n).publicKey;
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
  readonly reaches?: readonly number[];
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
  /** What the loop told, but for `stirred`. */
  readonly events: Event[];
  /** Slots of which it told that traffic began. */
  readonly stirred: number[];
  readonly arena: Arena;
  /** Milliseconds that the loop sees. */
  time: { now: number };
  drops(reason: DropReason): number;
  /** Installs node `other` as a peer without keys: a member of which no more is known than its certificate. */
  know(other: number, bridge?: boolean): void;
  /** Whom it knows or has met. */
  readonly known: ReadonlySet<number>;
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
  more: { bridge?: boolean; snooping?: boolean; datagramOffload?: boolean; mtu?: number } = {},
): Rig {
  const { datagramOffload, mtu = 1350, ...groups } = more;
  // Mapped memory is kept for the next rig of the process: views of it may outlive the test.
  const length = arenaLength + 65_536;
  const address = arenas.pop() ?? mapLow(length);
  const arena = new Arena(length, address);
  const io = new ArrayIo(arena, datagramOffload);
  const events: Event[] = [];
  const stirred: number[] = [];
  const time = { now: 1_000_000 };
  const met: RigLink[] = [];
  const known = new Set<number>();
  const loop = new PacketLoop(
    arena,
    io,
    shared,
    loopOptions({
      ...{ nodeId: idOf(n), seed: seedOf(n), leaf, ip: ipOf(n), prefix6, mac: macOf(n), mtu },
      ...groups,
    }),
    () => time.now,
    (told) => {
      for (const event of told) {
        if (event.type === 'stirred') stirred.push(event.slot);
        else events.push(event);
      }
    },
  );
  return {
    n,
    io,
    loop,
    shared,
    events,
    stirred,
    arena,
    time,
    drops: (reason) => shared.device[DeviceField.drops + Drop[reason]] as number,
    known,
    know(other, bridge = false) {
      known.add(other);
      const guard = { mac: macOf(other), ip: ipOf(other), bridge };
      const peer = { slot: slotOf(other), nodeId: idOf(other), publicKey: publicKeyOf(other) };
      loop.command({ type: 'add-peer', ...peer, guard });
    },
    meet(other, options = {}) {
      const slot = slotOf(other);
      this.know(other, options.bridge);
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
          reaches: (l.reaches ?? []).map(positionOfNode),
        })),
        complete,
      });
    },
    run() {
      while (loop.round());
    },
  };
}

/** Each knows from here on who the others are. */
export function acquaint(rigs: readonly Rig[], bridge: readonly number[] = []): void {
  for (const rig of rigs)
    for (const { n } of rigs) if (n !== rig.n && !rig.known.has(n)) rig.know(n, bridge.includes(n));
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

let crafted = 0;

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
  const plain = openWith(Suite.aes256gcm, keyOf(from, to), packet);
  if (!plain) throw new Error('not sealed under that key');
  return plain;
}

/** The plaintext of an envelope (kind 0x20). */
export function envelope(destination: number, inner: Uint8Array, ttl = 32): Uint8Array {
  return Uint8Array.of(Kind.transit, ttl, 0, ...idOf(destination), ...inner);
}
