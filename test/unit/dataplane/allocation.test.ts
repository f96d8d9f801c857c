/** The hot path allocates nothing per packet: the heap is watched while packets go around in one arena. */
import { describe, expect, it } from 'vitest';
import { arenaLength, loopOptions, PacketLoop } from '../../../src/core/dataplane/loop.js';
import type { PacketIo } from '../../../src/core/dataplane/packet-io.js';
import {
  PeerField,
  peerStride,
  sharedMemory,
  type SharedMemory,
} from '../../../src/core/dataplane/shared.js';
import { sockaddrSize, writeSockaddr } from '../../../src/core/native/sockaddr.js';
import { Arena, mapLow } from '../../../src/core/native/arena.js';
import { Errno } from '../../../src/core/native/libc.js';
import { buildTcp, plainFrame } from '../../support/frames.js';
import { endpointOf, fromDevice, idOf, indexOf, ipOf, macOf, slotOf } from '../../support/loop-rig.js';

/** A device that says the same frame again and again, and a net that keeps the last batch for the other side. */
class LoopIo implements PacketIo {
  segment = 0;
  readonly from: number;
  frames = 0;
  written = 0;
  inbox = 0;
  readonly #arena: Arena;
  readonly #template: number;
  #templateLength = 0;
  readonly #inboxAt: number;
  other: LoopIo | undefined;

  constructor(arena: Arena, n: number) {
    this.#arena = arena;
    this.from = arena.alloc(sockaddrSize);
    writeSockaddr(arena.u8, arena.view, this.from, endpointOf(3 - n));
    this.#template = arena.alloc(70_000);
    this.#inboxAt = arena.alloc(70_000);
  }

  load(bytes: Uint8Array): void {
    this.#arena.u8.set(bytes, this.#template);
    this.#templateLength = bytes.length;
  }

  readDevice(at: number): number {
    if (this.frames === 0) return -Errno.EAGAIN;
    this.frames--;
    this.#arena.u8.copyWithin(at, this.#template, this.#template + this.#templateLength);
    return this.#templateLength;
  }

  writeDevice(_at: number, length: number): number {
    this.written++;
    return length;
  }

  receive(at: number): number {
    const n = this.inbox;
    if (n === 0) return -Errno.EAGAIN;
    this.inbox = 0;
    this.#arena.u8.copyWithin(at, this.#inboxAt, this.#inboxAt + n);
    return n;
  }

  send(_to: number, at: number, length: number, segment: number): number {
    const { other } = this;
    if (!other) return 0;
    this.#arena.u8.copyWithin(other.#inboxAt, at, at + length);
    other.inbox = length;
    other.segment = segment > 0 ? segment : length;
    return 0;
  }

  limitHops(): void {
    throw new Error('only control messages are limited');
  }
}

function makeLoop(arena: Arena, io: LoopIo, n: number): { loop: PacketLoop; shared: SharedMemory } {
  const shared = sharedMemory();
  const loop = new PacketLoop(
    arena,
    io,
    shared,
    loopOptions({ nodeId: idOf(n), leaf: false, ip: ipOf(n), mac: macOf(n), mtu: 1350 }),
    () => 1_000,
    () => undefined,
  );
  const other = 3 - n;
  const slot = slotOf(other);
  loop.command({
    type: 'add-peer',
    slot,
    nodeId: idOf(other),
    guard: { mac: macOf(other), ip: ipOf(other), bridge: false },
  });
  const key = (from: number): Uint8Array => new Uint8Array(32).fill(from);
  const localIndex = indexOf(n, other);
  const keys = {
    localIndex,
    remoteIndex: indexOf(other, n),
    suite: 1 as const,
    sendKey: key(n),
    receiveKey: key(other),
  };
  loop.command({ type: 'add-key', slot, keys, replayed: false });
  loop.command({ type: 'use-key', slot, localIndex });
  loop.command({ type: 'set-path', slot, path: { kind: 'direct', endpoint: endpointOf(other) } });
  return { loop, shared };
}

const tcp = buildTcp(
  {
    destination: macOf(2),
    source: macOf(1),
    vlans: [],
    v6: false,
    sourceAddress: Uint8Array.of(10, 144, 0, 1),
    destinationAddress: Uint8Array.of(10, 144, 0, 2),
    tos: 0,
    hopLimit: 64,
    id: 1,
    dontFragment: true,
    sourcePort: 1,
    destinationPort: 2,
    sequence: 1,
    acknowledgement: 1,
    flags: 0x18,
    window: 100,
    options: new Uint8Array(12),
    payload: new Uint8Array(40_000),
  },
  'partial',
);

describe('allocation', () => {
  const length = 2 * arenaLength + 400_000;
  const address = mapLow(length);

  it.skipIf(address === 0).each([
    ['small frames', fromDevice(plainFrame(macOf(2), macOf(1), 100)), 60, 1],
    [
      'TCP super-frames',
      fromDevice(tcp.bytes, { flags: 1, type: 1, size: 1_250, start: tcp.tcp, offset: 16 }),
      1,
      32,
    ],
  ])('none for %s', (_name, frame, perRound, packets) => {
    const arena = new Arena(length, address);
    const ioA = new LoopIo(arena, 1);
    const ioB = new LoopIo(arena, 2);
    ioA.other = ioB;
    const a = makeLoop(arena, ioA, 1);
    const b = makeLoop(arena, ioB, 2);
    ioA.load(frame);
    const chunk = (rounds: number): number => {
      const before = process.memoryUsage().heapUsed;
      for (let i = 0; i < rounds; i++) {
        ioA.frames = perRound;
        a.loop.round();
        b.loop.round();
      }
      return process.memoryUsage().heapUsed - before;
    };
    const rounds = Math.ceil(10_000 / (perRound * packets));
    for (let i = 0; i < 6; i++) chunk(rounds);
    const perPacket = Array.from({ length: 11 }, () => chunk(rounds) / (rounds * perRound * packets));
    perPacket.sort((x, y) => x - y);
    // A collection makes a chunk negative, the compiler a few of them positive: the middle tells. One boxed
    // address for each of the eight native calls would be about a hundred bytes.
    expect(perPacket[5]).toBeLessThan(8);
    expect(b.shared.peers[slotOf(1) * peerStride + PeerField.rxFrames]).toBeGreaterThanOrEqual(170_000);
    expect(ioB.written).toBeGreaterThanOrEqual(170_000 / packets);
  });
});
