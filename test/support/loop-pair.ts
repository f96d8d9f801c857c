/**
 * Two packet loops with the real kernel between them: real system calls, real OpenSSL, UDP over loopback, in one thread.
 * Only the interfaces are memory: what the host of one sends is queued, what the host of the other receives is handed to
 * the test where it lies.
 *
 * Between the two stand any number of sessions, each a peer of its own with its own keys. Session i is the peer with MAC
 * `macOfSession(i, 0)` for loop 0, and with `macOfSession(i, 1)` for loop 1; a frame chooses its session by its destination.
 */
import { KernelIo } from '../../src/core/dataplane/loop/kernel-io.js';
import { arenaLength, loopOptions, PacketLoop } from '../../src/core/dataplane/loop/loop.js';
import type { Event } from '../../src/core/dataplane/plane/messages.js';
import { dropReasons } from '../../src/core/dataplane/plane/plane.js';
import { readDeviceCounters, sharedMemory } from '../../src/core/dataplane/plane/shared.js';
import { Arena, mapLow, unmap } from '../../src/core/native/arena.js';
import { Errno, libc } from '../../src/core/native/libc.js';
import { openUdpSocket } from '../../src/core/native/udp-socket.js';
import { Suite } from '../../src/core/wire/packet.js';

export const virtioLength = 10;
const bufferBytes = 8 << 20;
const length = arenaLength + 65_536;

/** 02:SS:00:00:II:II */
export function macOfSession(session: number, side: 0 | 1): Uint8Array {
  return Uint8Array.of(2, side + 1, 0, 0, session >> 8, session & 255);
}

/** 10.(1 + side).x.y */
export function ipOfSession(session: number, side: 0 | 1): number {
  return 0x0a01_0000 + (side << 16) + session + 1;
}

/** A virtio header and a frame, in memory of the pair: to be looked at before the call returns. */
export type Taker = (bytes: Uint8Array) => void;

class PairIo extends KernelIo {
  readonly #memory: Uint8Array;
  /** What the host sends, virtio headers included: read from `next` on. */
  outgoing: Uint8Array[] = [];
  next = 0;
  taker: Taker = () => undefined;
  override readonly datagramOffload = true;

  constructor(arena: Arena, udpFd: number) {
    super(arena, { tapFd: -1, datagramOffload: true, udpFd, ipv6: false });
    this.#memory = arena.u8;
  }

  override readDevice(at: number, max: number): number {
    const bytes = this.outgoing[this.next];
    if (bytes === undefined) return -Errno.EAGAIN;
    if (bytes.length > max) throw new Error(`frame of ${bytes.length} bytes`);
    this.next++;
    this.#memory.set(bytes, at);
    return bytes.length;
  }

  override writeDevice(at: number, size: number): number {
    this.taker(this.#memory.subarray(at, at + size));
    return size;
  }
}

export class PairEnd {
  readonly io: PairIo;
  readonly loop: PacketLoop;
  readonly events: Event[] = [];
  readonly #shared = sharedMemory();
  readonly #fd: number;
  readonly #address: number;
  readonly port: number;

  constructor(side: 0 | 1, mtu: number) {
    this.#address = mapLow(length);
    const arena = new Arena(length, this.#address);
    const udp = openUdpSocket({ host: '127.0.0.1', port: 0, ipv6: false, bufferBytes });
    this.#fd = udp.fd;
    this.port = udp.port;
    this.io = new PairIo(arena, udp.fd);
    const own = {
      nodeId: new Uint8Array(16).fill(side + 1),
      seed: new Uint8Array(32).fill(side + 1),
      mac: Uint8Array.of(2, 9, 0, 0, 0, side),
    };
    this.loop = new PacketLoop(
      arena,
      this.io,
      this.#shared,
      loopOptions({ ...own, leaf: false, ip: 0x0a63_0001 + side, prefix6: new Uint8Array(8), mtu }),
      () => performance.now(),
      (told) => this.events.push(...told),
    );
  }

  /** Gives the loop what its host sends, and lets it send. */
  send(frames: Uint8Array[]): void {
    this.io.outgoing = frames;
    this.io.next = 0;
    while (this.io.next < frames.length) this.loop.round();
  }

  /** Takes what has arrived. */
  receive(): void {
    while (this.loop.round());
  }

  /** Reasons of drops so far, those that did not happen left out. */
  drops(): Record<string, number> {
    const { drops } = readDeviceCounters([this.#shared]);
    return Object.fromEntries(dropReasons.filter((r) => drops[r] > 0).map((r) => [r, drops[r]]));
  }

  close(): void {
    this.loop.close();
    libc().close(this.#fd);
    // Views of it may be looked at no more.
    unmap(this.#address, length);
  }
}

export class LoopPair {
  readonly ends: readonly [PairEnd, PairEnd];

  constructor(sessions: number, mtu = 1_350, bridge = false) {
    this.ends = [new PairEnd(0, mtu), new PairEnd(1, mtu)];
    for (const side of [0, 1] as const) {
      const other = side === 0 ? 1 : 0;
      const { loop } = this.ends[side];
      const endpoint = { host: '127.0.0.1', port: this.ends[other].port };
      for (let i = 0; i < sessions; i++) {
        const nodeId = Uint8Array.of(...macOfSession(i, side), ...new Uint8Array(10).fill(7));
        const guard = { mac: macOfSession(i, side), ip: ipOfSession(i, side), bridge };
        loop.command({ type: 'add-peer', slot: i, nodeId, publicKey: new Uint8Array(32), guard });
        const key = (from: number): Uint8Array => new Uint8Array(32).fill(from + 1).fill(i & 255, 1, 9);
        const keys = {
          localIndex: 0x0500_0000 + i + 1,
          remoteIndex: 0x0500_0000 + i + 1,
          suite: Suite.aes256gcm,
          sendKey: key(side),
          receiveKey: key(other),
        };
        loop.command({ type: 'add-key', slot: i, keys, replayed: false });
        loop.command({ type: 'use-key', slot: i, localIndex: keys.localIndex });
        loop.command({ type: 'set-path', slot: i, path: { kind: 'direct', endpoint } });
      }
      loop.commandsDone();
    }
  }

  close(): void {
    for (const end of this.ends) end.close();
  }
}
