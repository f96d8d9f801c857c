/** The hot path allocates nothing per packet: the heap is watched while packets go around in one arena. */
import type { Command } from '../../../src/core/dataplane/plane/messages.js';
import { compilePolicy } from '../../../src/core/policy/compile.js';
import { parsePolicy } from '../../../src/core/policy/parse.js';
import { OwnFlows } from '../../../src/core/switch/own-flows.js';
import { describe, expect, it } from 'vitest';
import { arenaLength, loopOptions, PacketLoop } from '../../../src/core/dataplane/loop/loop.js';
import type { PacketIo, SendQueue } from '../../../src/core/dataplane/loop/packet-io.js';
import type { Path, PlaneLink } from '../../../src/core/dataplane/plane/plane.js';
import {
  DeviceField,
  PeerField,
  peerStride,
  sharedMemory,
  type SharedMemory,
} from '../../../src/core/dataplane/plane/shared.js';
import { sockaddrSize, writeSockaddr } from '../../../src/core/native/sockaddr.js';
import { Arena, mapLow } from '../../../src/core/native/arena.js';
import { Errno } from '../../../src/core/native/libc.js';
import { buildTcp, ipv6Frame, plainFrame, plainTcp } from '../../support/frames.js';
import {
  endpointOf,
  fromDevice,
  idOf,
  indexOf,
  ipOf,
  macOf,
  publicKeyOf,
  seedOf,
  slotOf,
  prefix6,
} from '../../support/loop-rig.js';
import { need } from '../../support/need.js';

/** A device that says the same frame again and again, and a net that keeps the last batch for the other side. */
class LoopIo implements PacketIo {
  readonly datagramOffload = true;
  segment = 0;
  readonly hole = -1;
  readonly from: number;
  frames = 0;
  written = 0;
  inbox = 0;
  readonly #arena: Arena;
  readonly #template: number;
  #templateLength = 0;
  readonly #inboxAt: number;
  readonly received: number;
  other: LoopIo | undefined;

  /** Datagrams come from node `n`. */
  constructor(arena: Arena, n: number) {
    this.#arena = arena;
    this.from = arena.alloc(sockaddrSize);
    writeSockaddr(arena.u8, arena.view, this.from, endpointOf(n));
    this.#template = arena.alloc(70_000);
    this.#inboxAt = arena.alloc(70_000);
    this.received = arena.alloc(70_000);
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

  receive(): number {
    const n = this.inbox;
    if (n === 0) return -Errno.EAGAIN;
    this.inbox = 0;
    this.#arena.u8.copyWithin(this.received, this.#inboxAt, this.#inboxAt + n);
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

  sendMany({ to, at, length, segment }: SendQueue, first: number, count: number): number {
    for (let i = first; i < first + count; i++)
      this.send(to[i] as number, at[i] as number, length[i] as number, segment[i] as number);
    return count;
  }

  listen(): void {
    throw new Error('there are no holes');
  }

  limitHops(): void {
    throw new Error('only control messages are limited');
  }

  keepWhole(): void {
    throw new Error('only control messages are kept whole');
  }
}

interface Made {
  readonly loop: PacketLoop;
  readonly shared: SharedMemory;
  /** A peer with keys; a link when it has a direct path. */
  meet(other: number, direct?: boolean): void;
}

/** Milliseconds that all loops see. */
const clock = { now: 1_000 };

function makeLoop(arena: Arena, io: LoopIo, n: number): Made {
  const shared = sharedMemory();
  const loop = new PacketLoop(
    arena,
    io,
    shared,
    loopOptions({
      ...{ nodeId: idOf(n), seed: seedOf(n), leaf: false, ip: ipOf(n), mac: macOf(n), mtu: 1350 },
      prefix6,
    }),
    () => clock.now,
    () => undefined,
  );
  const key = (from: number, to: number): Uint8Array => new Uint8Array(32).fill(from * 16 + to);
  const links: PlaneLink[] = [];
  const meet = (other: number, direct = true): void => {
    const slot = slotOf(other);
    loop.command({
      type: 'add-peer',
      slot,
      nodeId: idOf(other),
      publicKey: publicKeyOf(other),
      guard: { mac: macOf(other), ip: ipOf(other), bridge: false },
    });
    const localIndex = indexOf(n, other);
    const keys = {
      localIndex,
      remoteIndex: indexOf(other, n),
      suite: 1 as const,
      sendKey: key(n, other),
      receiveKey: key(other, n),
    };
    loop.command({ type: 'add-key', slot, keys, replayed: false });
    loop.command({ type: 'use-key', slot, localIndex });
    const path: Path = direct
      ? { kind: 'direct', endpoint: endpointOf(other) }
      : { kind: 'overlay', destination: idOf(other) };
    loop.command({ type: 'set-path', slot, path });
    if (direct) links.push({ slot, forwards: true, flood: 'range', reaches: [] });
    loop.command({ type: 'set-links', links, complete: true });
  };
  return { loop, shared, meet };
}

const tcp = buildTcp(
  {
    destination: macOf(2),
    source: macOf(1),
    ...plainTcp,
    flags: 0x18,
    options: new Uint8Array(12),
    payload: new Uint8Array(40_000),
  },
  'partial',
);

const ula = (n: number): Uint8Array => Uint8Array.of(0xfd, ...new Array<number>(14).fill(n), n);
const datagram = ipv6Frame(macOf(2), macOf(1), ula(1), ula(2), 17, [0, 7, 0, 9, 0, 12, 0, 0, 1, 2, 3, 4]);

/**
 * Heap bytes for a packet. A collection makes a chunk of rounds negative, the compiler a few of them positive: the
 * middle tells. One boxed address for each of the eight native calls would be about a hundred bytes.
 */
function measure(rounds: number, packets: number, round: () => void): number {
  const chunk = (): number => {
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < rounds; i++) round();
    return process.memoryUsage().heapUsed - before;
  };
  for (let i = 0; i < 6; i++) chunk();
  const perPacket = Array.from({ length: 11 }, () => chunk() / (rounds * packets));
  return perPacket.sort((x, y) => x - y)[5] as number;
}

/** One node notes the flow, the other finds the rule. */
function policyCommand(): Command {
  const parsed = parsePolicy('default deny\nallow * -> * udp 9');
  if (!parsed.ok) throw new Error('a policy that can be read');
  const subject = { id: '', name: 'n', ip: 1, role: 'switch', tags: [] } as const;
  const policy = compilePolicy(parsed.policy, subject, [], 4_096);
  const flows = new OwnFlows(Int32Array.of(1, 2)).buffer;
  return { type: 'set-policy', policy, fresh: true, flows };
}

const everybody = new Uint8Array(6).fill(255);

describe('allocation', () => {
  const length = 3 * arenaLength + 600_000;
  const address = mapLow(length);
  // Elsewhere pointers are boxed, and each call allocates.
  const mapped = need('memory mapped below 2 GiB', address !== 0);

  it.runIf(mapped).each([
    ['small frames', fromDevice(plainFrame(macOf(2), macOf(1), 100)), 60, 1],
    ['datagrams from an address that no certificate names', fromDevice(datagram), 60, 1],
    ['datagrams under a policy', fromDevice(datagram), 60, 1],
    [
      'TCP super-frames',
      fromDevice(tcp.bytes, { flags: 1, type: 1, size: 1_250, start: tcp.tcp, offset: 16 }),
      1,
      32,
    ],
  ])('none for %s', (name, frame, perRound, packets) => {
    const arena = new Arena(length, address);
    const ioA = new LoopIo(arena, 2);
    const ioB = new LoopIo(arena, 1);
    ioA.other = ioB;
    const a = makeLoop(arena, ioA, 1);
    const b = makeLoop(arena, ioB, 2);
    a.meet(2);
    b.meet(1);
    if (name.endsWith('policy')) for (const { loop } of [a, b]) loop.command(policyCommand());
    ioA.load(frame);
    const rounds = Math.ceil(10_000 / (perRound * packets));
    const perPacket = measure(rounds, perRound * packets, () => {
      ioA.frames = perRound;
      a.loop.round();
      b.loop.round();
    });
    expect(perPacket).toBeLessThan(8);
    expect(b.shared.peers[slotOf(1) * peerStride + PeerField.rxFrames]).toBeGreaterThanOrEqual(170_000);
    expect(ioB.written).toBeGreaterThanOrEqual(170_000 / packets);
  });

  it.runIf(mapped).each([
    [
      'none for passing on unicast',
      fromDevice(plainFrame(macOf(3), macOf(1), 100)),
      PeerField.rxRelayed,
      8,
      200,
    ],
    // Positions on the ring and epochs are boxed, 16 bytes each, at four to eleven places as the compiler inlines: broadcasts
    // are few.
    [
      'little for passing on broadcasts',
      fromDevice(plainFrame(everybody, macOf(1), 100)),
      PeerField.rxTransit,
      16 * 16,
      80,
    ],
  ])('%s', (_name, frame, field, limit, rounds) => {
    const arena = new Arena(length, address);
    const ios = [new LoopIo(arena, 2), new LoopIo(arena, 1), new LoopIo(arena, 2)] as const;
    [ios[0].other, ios[1].other] = [ios[1], ios[2]];
    const [a, h, b] = ios.map((io, i) => makeLoop(arena, io, i + 1)) as [Made, Made, Made];
    a.meet(2);
    h.meet(1);
    h.meet(3);
    b.meet(2);
    a.meet(3, false);
    b.meet(1, false);
    ios[0].load(frame);
    const perRound = 50;
    const measured = measure(rounds, perRound, () => {
      ios[0].frames = perRound;
      // No faster than what limits broadcasts.
      clock.now += 15;
      a.loop.round();
      h.loop.round();
      b.loop.round();
    });
    expect(measured).toBeLessThan(limit);
    const sender = field === PeerField.rxTransit ? 2 : 1;
    expect(b.shared.peers[slotOf(sender) * peerStride + field]).toBe(17 * rounds * perRound);
    expect(ios[2].written).toBe(17 * rounds * perRound);
    expect(h.shared.device[DeviceField.transitPackets]).toBe(17 * rounds * perRound);
  });
});
