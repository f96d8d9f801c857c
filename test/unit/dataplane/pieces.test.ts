/** Frames that are too long for the path of their peer: cut, sealed, and whole again on the other side. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Joiner, joinerBytes, longestWhole } from '../../../src/core/dataplane/offload/joiner.js';
import { DeviceField, Drop, sharedMemory } from '../../../src/core/dataplane/plane/shared.js';
import { Arena } from '../../../src/core/native/arena.js';
import { Errno } from '../../../src/core/native/libc.js';
import { dataHeaderLength, Kind, tagLength } from '../../../src/core/wire/packet.js';
import {
  maxPieces,
  pieceHeaderLength,
  pieceOffset,
  piecesFor,
  pieceSize,
  writePieceHead,
} from '../../../src/core/wire/piece.js';
import { buildTcp, plainFrame, plainTcp } from '../../support/frames.js';
import {
  acquaint,
  endpointOf,
  idOf,
  settle,
  fromDevice,
  ipOf,
  macOf,
  makeRig,
  openAs,
  sealFor,
  slotOf,
  type Rig,
} from '../../support/loop-rig.js';

/** Pieces of a plaintext, as the wire has them behind the kind byte of the packet. */
function cut(plain: Uint8Array, count: number, number = 1): Uint8Array[] {
  const each = pieceSize(plain.length, count);
  return Array.from({ length: count }, (_, which) => {
    const bytes = plain.subarray(which * each, (which + 1) * each);
    const piece = new Uint8Array(pieceHeaderLength + bytes.length);
    writePieceHead(new DataView(piece.buffer), 0, number, which, count, plain.length);
    piece.set(bytes, pieceHeaderLength);
    return piece;
  });
}

const filled = (length: number, seed = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 31 + seed * 7) & 0xff);

describe('pieces', () => {
  it('are as many as it takes, and none where that is too many', () => {
    expect([1_369, 1_000, 2_000].map((length) => piecesFor(length, 1_001))).toEqual([2, 2, 3]);
    expect(piecesFor(9_000, 100)).toBe(0);
    expect(piecesFor(100, 10)).toBe(0);
    for (let length = 200; length <= 9_200; length += 37) {
      for (const limit of [150, 600, 1_001, 1_300]) {
        const count = piecesFor(length, limit);
        if (count === 0) continue;
        const pieces = cut(filled(length), count);
        expect(pieces.length).toBeLessThanOrEqual(maxPieces);
        expect(Math.max(...pieces.map((piece) => piece.length))).toBeLessThanOrEqual(limit);
      }
    }
  });

  it('whose head makes no sense are nowhere', () => {
    const [first, last] = cut(filled(1_369), 2) as [Uint8Array, Uint8Array];
    const offset = (piece: Uint8Array, longest = 1_500): number =>
      pieceOffset(new DataView(piece.buffer), 0, piece.length, longest);
    expect([offset(first), offset(last)]).toEqual([0, 685]);
    expect(offset(first, 1_368)).toBe(-1);
    expect(offset(first.slice(0, -1))).toBe(-1);
    expect(offset(Uint8Array.of(...last, 0))).toBe(-1);
    for (let n = 0; n <= pieceHeaderLength; n++) expect(offset(first.slice(0, n))).toBe(-1);
    for (const [at, value] of [
      [5, 2],
      [5, 255],
      [6, 0],
      [6, 1],
      [6, 33],
      [6, 255],
    ] as const) {
      const wrong = first.slice();
      wrong[at] = value;
      expect(offset(wrong)).toBe(-1);
    }
  });
});

describe('joining pieces', () => {
  function joiner(mtu = 1_350) {
    const arena = new Arena(joinerBytes + 200_000);
    const shared = sharedMemory();
    const joins = new Joiner(arena, shared, mtu);
    const at = arena.alloc(70_000);
    return {
      /** The whole plaintext, when this piece completes it. */
      take(piece: Uint8Array, { slot = 1, key = 77, now = 0 } = {}): Uint8Array | null {
        arena.u8.set(piece, at);
        const length = joins.take(slot, key, at, piece.length, now);
        return length === 0 ? null : arena.u8.slice(joins.at, joins.at + length);
      },
      drops: (reason: 'malformed-frame' | 'piece-lost'): number =>
        shared.device[DeviceField.drops + Drop[reason]] as number,
    };
  }

  it('takes them in any order, many plaintexts at a time', () => {
    const j = joiner();
    const whole = Array.from({ length: 8 }, (_, n) => filled(1_200 + n * 20, n));
    const pieces = whole.map((plain, n) => cut(plain, 2 + (n % 3), n));
    for (const [n, some] of pieces.entries()) {
      for (const piece of some.slice(1).reverse()) expect(j.take(piece)).toBeNull();
      void n;
    }
    for (const [n, some] of pieces.entries()) expect(j.take(some[0] as Uint8Array)).toEqual(whole[n]);
    expect(j.drops('piece-lost')).toBe(0);
  });

  it('mixes nothing of different keys, numbers or shapes, and takes none twice', () => {
    const j = joiner();
    const [a0, a1] = cut(filled(1_300, 1), 2, 5) as [Uint8Array, Uint8Array];
    const [b0] = cut(filled(1_300, 2), 2, 5) as [Uint8Array];
    expect(j.take(a0)).toBeNull();
    expect(j.take(a0)).toBeNull();
    expect(j.drops('piece-lost')).toBe(1);
    expect(j.take(a1, { key: 78 })).toBeNull();
    expect(j.take(cut(filled(1_301), 2, 5)[1] as Uint8Array)).toBeNull();
    expect(j.take(cut(filled(1_300), 2, 6)[1] as Uint8Array)).toBeNull();
    expect(j.take(b0, { key: 79 })).toBeNull();
    expect(j.take(a1)).toEqual(filled(1_300, 1));
  });

  it('lets none wait for longer than a second', () => {
    const j = joiner();
    const [first, last] = cut(filled(1_300), 2) as [Uint8Array, Uint8Array];
    j.take(first, { now: 0 });
    expect(j.take(last, { now: 1_000 })).toBeNull();
    // It waits for its first half now.
    expect(j.take(first, { now: 1_500 })).toEqual(filled(1_300));
  });

  it('a peer that sends halves only loses its own, and nobody else one', () => {
    const j = joiner();
    const [first, last] = cut(filled(1_300), 2) as [Uint8Array, Uint8Array];
    expect(j.take(first, { slot: 2, key: 2 })).toBeNull();
    for (let n = 0; n < 10_000; n++) {
      expect(j.take(cut(filled(1_300), 2, n)[n & 1] as Uint8Array, { slot: 1 })).toBeNull();
    }
    expect(j.take(last, { slot: 2, key: 2 })).toEqual(filled(1_300));
    expect(j.drops('piece-lost')).toBe(10_000 - 8);
  });

  it.each([1_350, 9_000])('has room for the longest of an MTU of %i, and takes no longer one', (mtu) => {
    const j = joiner(mtu);
    const plain = filled(longestWhole(mtu));
    const pieces = cut(plain, 12);
    const made = pieces.map((piece) => j.take(piece));
    expect(made.at(-1)).toEqual(plain);
    for (const piece of cut(filled(longestWhole(mtu) + 1), 12)) expect(j.take(piece)).toBeNull();
    expect(j.drops('malformed-frame')).toBe(12);
  });

  it('whatever comes: never writes outside, never makes what nobody sent', () => {
    const piece = fc.record({
      number: fc.integer({ min: 0, max: 3 }),
      count: fc.integer({ min: 0, max: 40 }),
      which: fc.integer({ min: 0, max: 40 }),
      length: fc.oneof(fc.integer({ min: 0, max: 2_000 }), fc.constant(0xffff)),
      size: fc.integer({ min: 0, max: 1_500 }),
      honest: fc.boolean(),
      slot: fc.integer({ min: 0, max: 4_095 }),
      wait: fc.integer({ min: 0, max: 400 }),
    });
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 120 }), (pieces) => {
        const arena = new Arena(joinerBytes + 200_000);
        const before = arena.alloc(64);
        const joins = new Joiner(arena, sharedMemory(), 1_350);
        const at = arena.alloc(4_096);
        const used = arena.alloc(64);
        arena.u8.fill(0xee, before, before + 64);
        arena.u8.fill(0xee, used, used + 64);
        let now = 0;
        for (const { number, count, which, length, size, honest, slot, wait } of pieces) {
          now += wait;
          const each = pieceSize(length, Math.max(1, count));
          const right = Math.max(0, Math.min(each, length - which * each));
          const bytes = Math.min(honest ? right : size, 4_000);
          writePieceHead(arena.view, at, number, which & 255, count, length);
          arena.u8.fill(0xdd, at + pieceHeaderLength, at + pieceHeaderLength + bytes);
          const whole = joins.take(slot, 1, at, pieceHeaderLength + bytes, now);
          if (whole === 0) continue;
          expect(whole).toBe(length);
          expect(arena.u8.subarray(joins.at, joins.at + whole).every((byte) => byte === 0xdd)).toBe(true);
        }
        for (const guard of [before, used])
          expect(arena.u8.subarray(guard, guard + 64).every((byte) => byte === 0xee)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe('the packet loop on a narrow path', () => {
  const limit = 1_001;
  function pair(path = true): [Rig, Rig] {
    const a = makeRig(1);
    const b = makeRig(2);
    a.meet(2);
    b.meet(1);
    if (path)
      a.loop.command({
        type: 'set-path',
        slot: slotOf(2),
        path: { kind: 'direct', endpoint: endpointOf(2), limit },
      });
    return [a, b];
  }

  /** Carries what a sent to b; returns the datagrams. */
  function carry(a: Rig, b: Rig): Uint8Array[] {
    const datagrams: Uint8Array[] = [];
    for (const { bytes, segment } of a.io.netOut.splice(0)) {
      const step = segment || bytes.length;
      for (let at = 0; at < bytes.length; at += step) datagrams.push(bytes.slice(at, at + step));
    }
    for (const bytes of datagrams) b.io.netIn.push({ bytes, from: endpointOf(1), segment: 0 });
    b.run();
    return datagrams;
  }

  it('cuts what is too long and nothing else, and it arrives as it was', () => {
    const [a, b] = pair();
    const frames = [60, 999, 1_000, 1_001, 1_364].map((n, i) => plainFrame(macOf(2), macOf(1), n, i));
    for (const frame of frames) a.io.deviceIn.push(fromDevice(frame));
    a.run();
    const datagrams = carry(a, b);
    expect(b.io.deviceOut.map((d) => d.frame)).toEqual(frames);
    expect(datagrams).toHaveLength(7);
    const most = limit + dataHeaderLength + tagLength;
    expect(Math.max(...datagrams.map((bytes) => bytes.length))).toBeLessThanOrEqual(most);
    expect(datagrams.map((bytes) => openAs(1, 2, bytes)[0])).toEqual([0, 0, 0, 0x25, 0x25, 0x25, 0x25]);
  });

  it('cuts a super-frame of TCP into segments that fit, and they grow together again', () => {
    const [a, b] = pair();
    const payload = filled(20_000);
    const built = buildTcp(
      {
        destination: macOf(2),
        source: macOf(1),
        ...plainTcp,
        options: new Uint8Array(0),
        payload,
      },
      'partial',
    );
    expect(ipOf(1)).toBe(0x0a90_0001);
    const header = { flags: 1, type: 1, headerLength: 54, size: 1_310, start: 34, offset: 16 };
    a.io.deviceIn.push(fromDevice(built.bytes, header));
    a.run();
    const datagrams = carry(a, b);
    expect(datagrams.every((bytes) => openAs(1, 2, bytes)[0] === Kind.frameChecksum)).toBe(true);
    expect(Math.max(...datagrams.map((bytes) => bytes.length))).toBe(limit + dataHeaderLength + tagLength);
    const bytes = b.io.deviceOut.flatMap((d) => [...d.frame.subarray(54)]);
    expect(Uint8Array.from(bytes)).toEqual(payload);
  });

  const offer = (mss: number) => ({
    ...{ destination: macOf(2), source: macOf(1), ...plainTcp, payload: new Uint8Array(0) },
    ...{ flags: 0x02, options: Uint8Array.of(2, 4, mss >> 8, mss & 0xff) },
  });
  const header = { flags: 1, type: 0, headerLength: 54, size: 0, start: 34, offset: 16 };
  const wide = { kind: 'direct', endpoint: endpointOf(2) } as const;
  /** What is carried; of segments that both sides begin with, what is left beside the headers of frame, IPv4 and TCP. */
  it.each([
    ['a narrow path', { ...wide, limit }, limit - 1 - 54],
    ['one whose size is being found out', { ...wide, limit, settling: true }, 1_350 - 40],
    ['one that carries the full size', { ...wide, limit: 1_420 }, 1_460 - 100],
    ['one without limits', { ...wide, limit: Infinity }, 1_460 - 100],
    ['one that is not measured, as by any way', wide, 1_310],
  ] as const)('has TCP begin with segments that fit %s, whoever begins', (_, path, most) => {
    for (const checksum of ['partial', 'complete'] as const) {
      const [a, b] = [
        makeRig(1, undefined, false, { mtu: 1_400 }),
        makeRig(2, undefined, false, { mtu: 1_500 }),
      ];
      a.meet(2);
      b.meet(1);
      const { bytes } = buildTcp(offer(1_460), checksum);
      const honest = [...buildTcp(offer(most), checksum).bytes];
      const syn = () =>
        checksum === 'partial' ? fromDevice(bytes.slice(), header) : fromDevice(bytes.slice());
      // One waits for a path, the other is sent at once; the receiver's path is wide.
      b.loop.command({ type: 'set-path', slot: slotOf(1), path: { ...wide, limit: Infinity } });
      a.loop.command({ type: 'set-path', slot: slotOf(2), path: null });
      a.io.deviceIn.push(syn());
      a.run();
      expect(a.io.netOut).toHaveLength(0);
      a.loop.command({ type: 'set-path', slot: slotOf(2), path });
      a.io.deviceIn.push(syn());
      a.run();
      carry(a, b);
      expect(b.io.deviceOut.map(({ frame }) => [...frame])).toEqual([honest, honest]);
    }
    // The other way about: this side measured, that side did not.
    for (const checksum of ['partial', 'complete'] as const) {
      const [a, b] = [
        makeRig(1, undefined, false, { mtu: 1_500 }),
        makeRig(2, undefined, false, { mtu: 1_400 }),
      ];
      a.meet(2);
      b.meet(1);
      a.loop.command({ type: 'set-path', slot: slotOf(2), path: { ...wide, limit: Infinity } });
      b.loop.command({ type: 'set-path', slot: slotOf(1), path: { ...path, endpoint: endpointOf(1) } });
      const { bytes } = buildTcp(offer(1_460), checksum);
      a.io.deviceIn.push(checksum === 'partial' ? fromDevice(bytes, header) : fromDevice(bytes));
      a.run();
      carry(a, b);
      expect(b.io.deviceOut.map(({ frame }) => [...frame])).toEqual([
        [...buildTcp(offer(most), checksum).bytes],
      ]);
    }
  });

  it('cuts control messages as well, but no ping that tries the path', () => {
    const [a, b] = pair();
    const path = { kind: 'direct', endpoint: endpointOf(2) } as const;
    const bytes = filled(1_200);
    a.loop.command({ type: 'send-control', slot: slotOf(2), bytes, path: undefined });
    a.loop.command({ type: 'send-control', slot: slotOf(2), bytes, path: { ...path, whole: true } });
    a.run();
    expect(a.io.netOut.map(({ whole }) => whole)).toEqual([false, true]);
    const datagrams = carry(a, b);
    expect(datagrams.map((datagram) => openAs(1, 2, datagram)[0])).toEqual([0x25, 0x25, 0x10]);
    const told = b.events.filter((event) => event.type === 'control');
    expect(told.map((event) => event.bytes)).toEqual([bytes, bytes]);
  });

  it('does not call it a failure when a ping that tries the path is too long for the way out', () => {
    const [a] = pair();
    const path = { kind: 'direct', endpoint: endpointOf(2) } as const;
    const trial = (whole: boolean): void => {
      a.io.sendResults = [-Errno.EMSGSIZE];
      const bytes = filled(900);
      a.loop.command({ type: 'send-control', slot: slotOf(2), bytes, path: { ...path, whole } });
    };
    trial(true);
    expect(a.drops('send-failed')).toBe(0);
    trial(false);
    expect(a.drops('send-failed')).toBe(1);
  });

  it('cuts what is for others, on the way through a member: an envelope and a broadcast', () => {
    const [a, h, b] = [makeRig(1), makeRig(2), makeRig(3)];
    acquaint([a, h, b]);
    for (const [one, other] of [
      [a, 2],
      [h, 1],
      [h, 3],
      [b, 2],
    ] as const) {
      one.meet(other);
      const path = { kind: 'direct', endpoint: endpointOf(other), limit } as const;
      one.loop.command({ type: 'set-path', slot: slotOf(other), path });
    }
    for (const [one, other] of [
      [a, 3],
      [b, 1],
    ] as const) {
      one.meet(other, { path: false, link: false });
      const path = { kind: 'overlay', destination: idOf(other) } as const;
      one.loop.command({ type: 'set-path', slot: slotOf(other), path });
    }
    const unicast = plainFrame(macOf(3), macOf(1), 1_364);
    const broadcast = plainFrame(new Uint8Array(6).fill(255), macOf(1), 1_364);
    for (const frame of [unicast, broadcast]) {
      a.io.deviceIn.push(fromDevice(frame));
      a.run();
      const hops = settle([a, h, b]);
      expect(b.io.deviceOut.splice(0).map((d) => d.frame)).toEqual([frame]);
      expect(hops.length).toBeGreaterThanOrEqual(4);
      const most = limit + dataHeaderLength + tagLength;
      expect(Math.max(...hops.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(most);
    }
    expect(h.io.deviceOut.map((d) => d.frame)).toEqual([broadcast]);
  });

  it('a piece that makes a piece is none', () => {
    const [, b] = pair();
    const inner = cut(filled(100), 2)[0] as Uint8Array;
    for (const piece of cut(inner, 2, 9)) {
      b.io.netIn.push({ bytes: sealFor(1, 2, piece), from: endpointOf(1), segment: 0 });
    }
    b.run();
    expect(b.drops('malformed-frame')).toBe(1);
    expect(b.io.deviceOut).toEqual([]);
  });
});
